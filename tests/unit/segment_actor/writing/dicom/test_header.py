"""What of the source headers is in results, and what can never be."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from segment_actor.anatomy import load_schema
from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.file.header import quiet_pydicom
from segment_actor.writing.dicom.header import Sources, deidentified, identified
from segment_actor.writing.dicom.kinds import SegType
from segment_actor.writing.dicom.results import dicom_results
from segment_actor.writing.dicom.uids import Origin, derived_uid
from stats.measure import StructureRow
from tests.support.dicom_series import labelled_series

SCHEMA = load_schema("paper104")
ORIGIN = Origin("series key", "method", "0.2.0", datetime(2026, 1, 31, 12, 30))
ROW = StructureRow("spleen", 3, 1.5, 40.0, 10.0, hu_median=41.0, status="ok", qc="pass")

PATIENT = {
    "PatientName": "Mustermann^Erika",
    "PatientID": "PLANTED-4711",
    "IssuerOfPatientID": "PLANTEDHOSP",
    "PatientBirthDate": "19470321",
    "PatientSex": "F",
    "PatientAge": "078Y",
    "AccessionNumber": "PLANTED-ACC",
    "StudyID": "PLANTED-SID",
    "StudyDate": "20250314",
    "StudyTime": "081500",
    "ReferringPhysicianName": "Planted^Doctor",
    "StudyDescription": "PLANTED study",
}
"""What a PACS files by."""

OTHER = {
    "InstitutionName": "PLANTED clinic",
    "OperatorsName": "Planted^Operator",
    "PatientComments": "PLANTED comment",
    "ImageComments": "PLANTED burnt",
    "OtherPatientIDs": "PLANTED-OTHER",
    "PatientAddress": "PLANTED street",
    "SeriesDescription": "PLANTED series",
    "ProtocolName": "PLANTED protocol",
    "StationName": "PLANTEDSTATION",
    "DeviceSerialNumber": "PLANTED-SERIAL",
    "ClinicalTrialSubjectID": "PLANTED-TRIAL",
    "AcquisitionDate": "20250315",
    "ContentDate": "20250316",
    "PositionReferenceIndicator": "PLANTED-REF",
}
"""What nobody needs in a result."""

PLANTED_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")


def planted(**more: Any) -> list[Dataset]:
    series = labelled_series(np.full((5, 6, 7), 1, np.uint8))
    with quiet_pydicom():
        for header in series.headers:
            for keyword, value in (PATIENT | OTHER | more).items():
                setattr(header, keyword, value)
            block = header.private_block(0x0099, "PLANTED maker", create=True)
            block.add_new(1, "LO", "PLANTED private")
            item = Dataset()
            item.PatientName = "Planted^Nested"
            header.ReferencedPatientSequence = [item]
    return series.headers


def results(
    sources: Sources, origin: Origin = ORIGIN, kind: SegType = SegType.LABELMAP
) -> list[bytes]:
    series = labelled_series(np.full((5, 6, 7), 1, np.uint8))
    files = dicom_results(
        [series.layer([1])], series.grid, SCHEMA, [ROW], sources, origin, kind=kind
    )
    assert list(files) == ["seg.dcm", "sr.dcm"]
    return list(files.values())


def keyed(uid: str) -> str:
    return derived_uid("secret of the site", uid)


def parsed(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data))


@pytest.mark.parametrize("kind", list(SegType))
def test_nothing_planted_is_in_any_byte_of_a_deidentified_result(kind: SegType) -> None:
    headers = planted()
    words = [*PATIENT.values(), *OTHER.values(), "PLANTED", "Planted", "Nested"]
    words += [str(h[keyword].value) for h in headers for keyword in PLANTED_UIDS]
    words = [word for word in words if word != "F"]
    words += ["20260131", "123000"]  # when it was made
    for data in results(deidentified(headers, "key of the patient", keyed), kind=kind):
        found = [word for word in words if word.encode() in data]
        assert found == []
        result = parsed(data)
        assert (result.PatientIdentityRemoved, result.PatientID) == ("YES", "key of the patient")
        assert result.DeidentificationMethod
        assert result.LongitudinalTemporalInformationModified == "REMOVED"
        assert (result.PatientName, result.StudyDate, result.PatientSex) == ("", "", "")


def test_keyed_uids_keep_together_what_belongs_together() -> None:
    headers = planted()
    seg, sr = map(parsed, results(deidentified(headers, None, keyed)))
    first = headers[0]
    assert seg.StudyInstanceUID == sr.StudyInstanceUID == keyed(first.StudyInstanceUID)
    assert seg.FrameOfReferenceUID == keyed(first.FrameOfReferenceUID)
    assert {item.ReferencedSOPInstanceUID for item in seg.SourceImageSequence} == {
        keyed(header.SOPInstanceUID) for header in headers
    }
    assert seg.PatientID == ""


def test_an_identified_result_is_filed_as_its_ct_and_has_nothing_else_of_it() -> None:
    for data in results(identified(planted())):
        result = parsed(data)
        for keyword, value in PATIENT.items():
            assert str(result[keyword].value) == value
        found = [word for word in (*OTHER.values(), "Nested", "private") if word.encode() in data]
        assert found == []


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192", "ISO_IR 144"])
def test_names_outside_ascii_are_the_same_name(charset: str) -> None:
    name = "Щербакова^Анна" if charset == "ISO_IR 144" else "Müller-Lüdenscheidt^Jörg"
    raw = io.BytesIO()
    written = planted(SpecificCharacterSet=charset, PatientName=name)[0]
    written.file_meta.MediaStorageSOPClassUID = written.SOPClassUID
    written.save_as(raw, enforce_file_format=True)
    raw.seek(0)
    for data in results(
        identified([pydicom.dcmread(raw, stop_before_pixels=True), *planted()[1:]])
    ):
        assert str(parsed(data).PatientName) == name


@pytest.mark.parametrize(
    "values",
    [
        {"PatientBirthDate": "21.03.1947", "StudyDate": "spring", "StudyTime": "8 am"},
        {"PatientID": "PLANTED" * 20, "PatientSex": "female, I think", "PatientAge": "78"},
        {"PatientName": "PLANTED no caret", "AccessionNumber": "PLANTED" * 3},
        {"PatientName": None, "PatientID": None, "PatientSex": None, "StudyDate": None},
    ],
)
def test_damaged_values_become_empty_and_are_nowhere_quoted(
    values: dict[str, Any], caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = planted(**values)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        files = results(identified(headers))
    assert not warned
    assert not recwarn.list
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []
    assert "PLANTED" not in caplog.text
    for result in map(parsed, files):
        for keyword, value in values.items():
            valid = value == "PLANTED no caret"
            assert str(result.get(keyword) or "") == (value if valid else "")


def test_uids_that_no_standard_allows_are_referred_to_as_they_are(
    recwarn: pytest.WarningsRecorder,
) -> None:
    headers = planted()
    with quiet_pydicom():
        for k, header in enumerate(headers):
            header.StudyInstanceUID, header.SeriesInstanceUID = "1.2.03.4", "series 7"
            header.FrameOfReferenceUID, header.SOPInstanceUID = "1.2.840." * 9, f"image-{k}"
    files = results(identified(headers))
    assert not recwarn.list
    with quiet_pydicom():
        seg, sr = map(parsed, files)
        assert seg.StudyInstanceUID == sr.StudyInstanceUID == "1.2.03.4"
        named = {item.ReferencedSOPInstanceUID for item in seg.SourceImageSequence}
    assert named == {f"image-{k}" for k in range(5)}


@pytest.mark.parametrize("kind", list(SegType))
def test_the_same_ct_gives_the_same_bytes_at_each_run(kind: SegType) -> None:
    sources = identified(planted())
    assert results(sources, kind=kind) == results(sources, kind=kind)


def test_another_day_changes_dates_alone() -> None:
    def undated(data: bytes) -> Dataset:
        result = parsed(data)

        def empty(_: Dataset, element: pydicom.DataElement) -> None:
            if element.VR in {"DA", "TM", "DT"}:
                element.value = ""

        result.walk(empty)
        return result

    sources = identified(planted())
    later = replace(ORIGIN, written=datetime(2031, 5, 6, 7, 8))
    for now, then in zip(results(sources), results(sources, later), strict=True):
        assert now != then
        assert undated(now) == undated(then)


@pytest.mark.parametrize(
    "other_origin", [replace(ORIGIN, volume="b"), replace(ORIGIN, pipeline_version="b")]
)
def test_another_ct_or_method_gives_other_uids(other_origin: Origin) -> None:
    sources = identified(planted())
    for one, other in zip(results(sources), results(sources, other_origin), strict=True):
        assert parsed(one).SOPInstanceUID != parsed(other).SOPInstanceUID
        assert parsed(one).SeriesInstanceUID != parsed(other).SeriesInstanceUID


def test_derived_uids_are_valid_and_of_a_uuid() -> None:
    uid = pydicom.uid.UID(derived_uid("a", "b"))
    assert uid.is_valid
    assert uid.startswith("2.25.")
    assert int(uid.removeprefix("2.25.")).bit_length() <= 128
    assert uid != derived_uid("ab")


def setter(**values: Any) -> Callable[[Dataset], None]:
    def change(header: Dataset) -> None:
        for keyword, value in values.items():
            setattr(header, keyword, value)

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (setter(SOPInstanceUID=""), FailureCode.MISSING_UID),
        (setter(StudyInstanceUID=""), FailureCode.MISSING_UID),
        (setter(SOPClassUID=SecondaryCaptureImageStorage), FailureCode.NOT_CT),
        (setter(ImagePositionPatient=None), FailureCode.BAD_AFFINE),
    ],
)
def test_images_that_no_result_can_refer_to_are_refused(
    change: Callable[[Dataset], None], code: FailureCode
) -> None:
    headers = planted()
    change(headers[0])
    with pytest.raises(SeriesError) as caught:
        identified(headers)
    assert caught.value.code is code


def test_without_a_frame_of_reference_results_have_one_of_their_own() -> None:
    headers = planted()
    for header in headers:
        del header.FrameOfReferenceUID
    seg = parsed(results(identified(headers))[0])
    assert pydicom.uid.UID(seg.FrameOfReferenceUID).is_valid
