"""A real PACS as an archive: what it gives is what was stored, to the byte."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import gdcm
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from cluster.stores.dicomweb import DicomWebArchive
from cluster.stores.opening import open_store
from segment_actor.errors import FailureCode, SeriesError, SetupError
from segment_actor.reading.series import read_series
from tests.support.ct_files import dicom, dicom_slices, made_hu
from tests.support.orthanc import Orthanc, running_orthanc

pytestmark = pytest.mark.pacs

ROOT = "1.2.826.0.1.3680043.10.1234"

NATIVE = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
PACKED = [JPEGLSLossless, JPEG2000Lossless, RLELossless]


def ct(number: int, study_date: str, n_slices: int = 4) -> list[Dataset]:
    """A series in a study of its own, of a day."""
    slices = dicom_slices(made_hu((16, 16, n_slices), seed=number))
    for k, slice_ in enumerate(slices):
        slice_.StudyInstanceUID = f"{ROOT}.{number}"
        slice_.SeriesInstanceUID = f"{ROOT}.{number}.1"
        slice_.SOPInstanceUID = f"{ROOT}.{number}.1.{k + 1}"
        slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID
        slice_.StudyDate = study_date
    return slices


def path_of(slices: Sequence[Dataset]) -> str:
    first = slices[0]
    return f"studies/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}"


def in_syntax(slice_: Dataset, syntax: UID) -> bytes:
    """A file of another transfer syntax."""
    if syntax == JPEG2000Lossless:
        return _jpeg_2000(slice_)
    if syntax in PACKED:
        slice_.compress(syntax, generate_instance_uid=False)
        return dicom(slice_)
    if syntax == ExplicitVRBigEndian:
        slice_.PixelData = np.frombuffer(slice_.PixelData, "<u2").astype(">u2").tobytes()
    slice_.file_meta.TransferSyntaxUID = syntax
    return dicom(slice_)


def _jpeg_2000(slice_: Dataset) -> bytes:
    """By gdcm, as pydicom writes it only with a package that is not among ours."""
    with TemporaryDirectory() as folder:
        plain, packed = Path(folder, "plain"), Path(folder, "packed")
        plain.write_bytes(dicom(slice_))
        reader, change = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax()
        reader.SetFileName(str(plain))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEG2000Lossless))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(packed))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return packed.read_bytes()


def content(zipped: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(zipped)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.mark.parametrize("syntax", [*NATIVE, *PACKED], ids=lambda uid: uid.name)
def test_a_series_comes_as_it_was_stored_in_every_transfer_syntax(
    orthanc: Orthanc, syntax: UID
) -> None:
    slices = ct(100 + [*NATIVE, *PACKED].index(syntax), "20260110")
    files = {f"{one.SOPInstanceUID}.dcm": in_syntax(one, syntax) for one in slices}
    assert {pydicom.dcmread(io.BytesIO(f)).file_meta.TransferSyntaxUID for f in files.values()} == {
        syntax
    }
    orthanc.put(files.values())
    assert content(open_store(orthanc.uri).get(path_of(slices))) == files


def test_what_comes_is_read_as_the_files_themselves_are(orthanc: Orthanc) -> None:
    slices = ct(1, "20260120", n_slices=6)
    orthanc.put(map(dicom, slices))
    from_pacs = read_series("zip", [open_store(orthanc.uri).get(path_of(slices))], ["series"])
    from_files = read_series("dicom", [dicom(one) for one in slices])
    assert np.array_equal(from_pacs.volume.hu, from_files.volume.hu)
    assert np.array_equal(from_pacs.volume.affine, from_files.volume.affine)


def test_headers_are_those_that_were_stored(orthanc: Orthanc) -> None:
    slices = ct(2, "20260121")
    for one in slices:
        one.SpecificCharacterSet = "ISO_IR 100"
        one.PatientName = "Müller^Jörg"
        one.SliceThickness = "0.6250001"
        one.RequestAttributesSequence = [Dataset()]
        one.RequestAttributesSequence[0].ScheduledProcedureStepDescription = "Schädel"
    orthanc.put(map(dicom, slices))
    with zipfile.ZipFile(open_store(orthanc.uri).open(path_of(slices))) as zipped:
        for one in slices:
            header = pydicom.dcmread(zipped.open(f"{one.SOPInstanceUID}.dcm"))
            stored = Dataset(one)
            del stored.PixelData
            stored.SpecificCharacterSet = "ISO_IR 192"
            assert header == stored


@pytest.mark.parametrize("dates", ["20260301-20260331", "20260301-", "-20260331", "20260315"])
def test_studies_are_chosen_by_their_dates(orthanc: Orthanc, dates: str) -> None:
    within, *around = [
        ct(n, day) for n, day in ((10, "20260315"), (11, "20260228"), (12, "20260401"))
    ]
    orthanc.put(map(dicom, [*within, *around[0], *around[1]]))
    listed = {one.path for one in open_store(f"{orthanc.uri}?StudyDate={dates}").list()}
    assert path_of(within) in listed
    assert (path_of(around[0]) in listed) == (dates.startswith("-"))
    assert (path_of(around[1]) in listed) == (dates.endswith("-"))


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_all_series_are_listed_once_in_pages_of_any_size(orthanc: Orthanc, limit: int) -> None:
    cts = [ct(20 + n, "20260415") for n in range(5)]
    orthanc.put(dicom(one) for slices in cts for one in slices)
    uri = f"{orthanc.uri}?StudyDate=20260415&ModalitiesInStudy=CT&limit={limit}"
    listed = [one.path for one in open_store(uri).list()]
    assert sorted(listed) == sorted(map(path_of, cts))


def test_other_modalities_are_not_listed_unless_asked_for(orthanc: Orthanc) -> None:
    scan, report = ct(30, "20260501"), ct(31, "20260501", n_slices=1)
    report[0].Modality = "SR"
    orthanc.put(map(dicom, [*scan, *report]))
    uri = f"{orthanc.uri}?StudyDate=20260501"
    assert [one.path for one in open_store(uri).list()] == [path_of(scan)]
    assert [one.path for one in open_store(f"{uri}&Modality=SR").list()] == [path_of(report)]


def test_a_prefix_of_the_path_chooses(orthanc: Orthanc) -> None:
    cts = [ct(40 + n, "20260601") for n in range(2)]
    orthanc.put(dicom(one) for slices in cts for one in slices)
    listed = open_store(orthanc.uri).list(f"studies/{cts[1][0].StudyInstanceUID}/")
    assert [one.path for one in listed] == [path_of(cts[1])]


def test_a_series_that_grows_has_another_version_and_no_other_has(orthanc: Orthanc) -> None:
    grows, stays = ct(50, "20260701", n_slices=5), ct(51, "20260701")
    archive = open_store(f"{orthanc.uri}?StudyDate=20260701")
    orthanc.put(map(dicom, [*grows[:4], *stays]))
    before = {one.path: one.version for one in archive.list()}
    assert {one.path: one.version for one in archive.changes(None).objects} == before
    assert len(content(archive.get(path_of(grows)))) == 4
    orthanc.put([dicom(grows[4])])
    after = {one.path: one.version for one in archive.list()}
    assert {path for path in after if after[path] != before[path]} == {path_of(grows)}
    assert len(content(archive.get(path_of(grows)))) == 5
    assert len(content(archive.open(path_of(grows)).read())) == 5


def test_a_series_that_was_deleted_is_neither_listed_nor_read(orthanc: Orthanc) -> None:
    slices = ct(60, "20260801")
    orthanc.put(map(dicom, slices))
    archive = open_store(f"{orthanc.uri}?StudyDate=20260801")
    assert len(list(archive.list())) == 1
    orthanc.remove(slices[0].SeriesInstanceUID)
    assert list(archive.list()) == []
    for read in (archive.get, archive.open, lambda path: archive.start(path, 9)):
        with pytest.raises(SeriesError) as caught:
            read(path_of(slices))
        assert caught.value.code is FailureCode.VANISHED
        assert ROOT not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["a.nii", "studies/1.2", "studies/../series/1.2", "studies/1/series/2/instances/3", ""]
)
def test_what_is_no_series_is_not_there(orthanc: Orthanc, path: str) -> None:
    with pytest.raises(SeriesError) as caught:
        open_store(orthanc.uri).get(path)
    assert caught.value.code is FailureCode.VANISHED


class TestAccess:
    def test_a_wrong_password_is_refused_with_the_variables_to_set(
        self, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CTCOHORT_DICOMWEB_PASSWORD", "guessed")
        with pytest.raises(SetupError, match="Check CTCOHORT_DICOMWEB_USER") as caught:
            open_store(orthanc.uri)
        assert "guessed" not in str(caught.value)

    def test_a_password_may_be_in_a_file(
        self, orthanc: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "password"
        file.write_text(f"{orthanc.password}\n")
        monkeypatch.delenv("CTCOHORT_DICOMWEB_PASSWORD")
        monkeypatch.setenv("CTCOHORT_DICOMWEB_PASSWORD_FILE", str(file))
        assert list(open_store(orthanc.uri).list("no such")) == []

    def test_another_path_of_the_server_is_no_dicomweb(self, orthanc: Orthanc) -> None:
        with pytest.raises(SetupError, match="no DICOMweb answers there"):
            open_store(orthanc.uri.replace("dicom-web", "elsewhere"))


def test_a_server_that_dies_ends_the_run_and_one_that_is_back_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = ct(70, "20260901")
    with running_orthanc(tmp_path) as first:
        first.use(monkeypatch)
        first.put(map(dicom, slices))
        archive = DicomWebArchive(first.uri, pauses_s=(0.0, 0.0))
        listed = list(archive.list())
        before = archive.get(path_of(slices))
    for use in (
        lambda: archive.get(path_of(slices)),
        lambda: archive.open(path_of(slices)),
        lambda: list(archive.list()),
    ):
        with pytest.raises(SetupError, match="does not answer: there is no connection") as caught:
            use()
        assert ROOT not in str(caught.value)
    with running_orthanc(tmp_path) as second:
        second.use(monkeypatch)
        archive = DicomWebArchive(second.uri)
        assert list(archive.list()) == listed
        assert archive.get(path_of(slices)) == before
