import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    MediaStorageDirectoryStorage,
    RLELossless,
)

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.file.header import quiet_pydicom
from segment_actor.reading.dicom.volume import read_dicom
from segment_actor.volume import Affine, HuArray
from tests.support.ct_files import dicom, dicom_files, dicom_slices, made_hu
from tests.support.real_ct import real_ct_folder

GOOD = dicom_files(dicom_slices(made_hu()))


def simpleitk_reads(files: list[str]) -> tuple[HuArray, Affine]:
    """The same series by an independent implementation: (I, J, K) HU and a RAS affine."""
    sitk = pytest.importorskip("SimpleITK", reason="the reference reader is not installed")
    image = sitk.ReadImage(files)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, np.diag([-1, -1, 1, 1]) @ affine


def read(slices: list[Dataset]) -> HuArray:
    return read_dicom(dicom_files(slices)).volume.hu


def refusal(change: Callable[[list[Dataset]], Any]) -> SeriesError:
    slices = dicom_slices(made_hu())
    change(slices)
    with pytest.raises(SeriesError) as caught:
        read(slices)
    return caught.value


def set_all(**elements: Any) -> Callable[[list[Dataset]], None]:
    def change(slices: list[Dataset]) -> None:
        with quiet_pydicom():
            for one in slices:
                for keyword, value in elements.items():
                    setattr(one, keyword, value)

    return change


ORIENTATIONS = {
    "axial": [1, 0, 0, 0, 1, 0],
    "prone": [-1, 0, 0, 0, -1, 0],
    "feet first": [-1, 0, 0, 0, 1, 0],
    "sagittal": [0, 1, 0, 0, 0, -1],
    "coronal": [1, 0, 0, 0, 0, -1],
    "oblique": [0.8, 0.6, 0, -0.6, 0.8, 0],
}


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_any_orientation_lies_where_simpleitk_puts_it(
    orientation: list[float], tmp_path: Path
) -> None:
    slices = dicom_slices(made_hu())
    normal = np.cross(orientation[:3], orientation[3:])
    for k, one in enumerate(slices):
        one.ImageOrientationPatient = orientation
        one.ImagePositionPatient = [round(float(mm), 6) for mm in [5, -7, 11] + 4 * k * normal]
        (tmp_path / f"{k}.dcm").write_bytes(dicom(one))
    hu, affine = simpleitk_reads([str(tmp_path / f"{k}.dcm") for k in range(8)])
    volume = read_dicom(dicom_files(slices[::-1])).volume
    assert np.array_equal(volume.hu, hu)
    assert np.allclose(volume.affine, affine, atol=1e-5)


def test_a_real_jpeg_2000_series_reads_as_simpleitk_does() -> None:
    paths = sorted((real_ct_folder() / "example_ct_dicom").iterdir(), reverse=True)  # feet first
    slices = [pydicom.dcmread(path) for path in paths]
    for one in slices:
        one.SOPInstanceUID, one.SeriesInstanceUID = one.file_meta.MediaStorageSOPInstanceUID, "1.2"
        one.SOPClassUID = CTImageStorage
    hu, affine = simpleitk_reads([str(path) for path in paths])
    scan = read_dicom(dicom_files(slices))
    assert np.array_equal(scan.volume.hu, hu)
    assert np.allclose(scan.volume.affine, affine)
    assert (scan.facts.kvp, scan.facts.manufacturer, scan.facts.sex) == (120.0, "Siemens", None)


def test_a_real_series_with_blank_uids_is_refused() -> None:
    paths = (real_ct_folder() / "example_ct_dicom").iterdir()
    with pytest.raises(SeriesError, match="missing_uid"):
        read_dicom([path.read_bytes() for path in paths])


def test_compressed_pixels_are_decoded() -> None:
    slices = dicom_slices(made_hu())
    for one in slices:
        one.compress(RLELossless, generate_instance_uid=False)
    assert np.array_equal(read(slices), made_hu())


def test_files_come_in_any_order_beside_files_that_are_no_images() -> None:
    directory = dicom_slices(made_hu())[0]
    directory.SOPClassUID = MediaStorageDirectoryStorage
    report = dicom_slices(made_hu())[1]
    report.SOPClassUID, report.Modality = BasicTextSRStorage, "SR"
    del report.PixelData, report.Rows
    files = [b"read me", GOOD[5], dicom(directory), b"", dicom(report), *GOOD[:5], *GOOD[6:]]
    names = ["README", "5.dcm", "DICOMDIR", ".nomedia", "6", *map(str, range(100, 107))]
    assert np.array_equal(read_dicom(files, names).volume.hu, made_hu())


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("before", [b"", bytes(128) + b"DICM"], ids=["bare", "prefix alone"])
def test_a_series_without_file_meta_is_read(implicit: bool, before: bytes) -> None:
    files = []
    for one in dicom_slices(made_hu()):
        buffer = io.BytesIO()
        Dataset(dict(one.items())).save_as(buffer, implicit_vr=implicit, little_endian=True)
        files.append(before + buffer.getvalue())
    names = ["CT.1.a1f", "7.dicom", "7.img", "README", "x.txt", "2", "3", "4.b"]
    assert np.array_equal(read_dicom(files, names).volume.hu, made_hu())


def test_every_slice_has_its_own_slope_and_intercept() -> None:
    slices = dicom_slices(made_hu())
    slices[3].RescaleSlope, slices[3].RescaleIntercept = "0.5", "100"
    stored = made_hu()[:, :, 3].astype(float) + 1024
    assert np.array_equal(read(slices)[:, :, 3], np.rint(stored * 0.5 + 100))


def shift_one(slices: list[Dataset]) -> None:
    slices[3].ImagePositionPatient = [-100, -50, 10 + 3 * 4 + 0.5]


def twice_the_same_place(slices: list[Dataset]) -> None:
    slices[3].ImagePositionPatient = slices[4].ImagePositionPatient


def two_frames_of_reference(slices: list[Dataset]) -> None:
    set_all(FrameOfReferenceUID="1.2")(slices[:4])
    set_all(FrameOfReferenceUID="1.3")(slices[4:])


def two_hospitals(slices: list[Dataset]) -> None:
    """Each of which has a patient of this id."""
    set_all(IssuerOfPatientID="north")(slices[:4])
    set_all(IssuerOfPatientID="south")(slices[4:])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (shift_one, FailureCode.MISSING_SLICE),
        (twice_the_same_place, FailureCode.SEVERAL_SERIES),
        (lambda slices: set_all(Columns=3, Rows=14)(slices[:1]), FailureCode.SEVERAL_SERIES),
        (lambda slices: set_all(PatientID="another")(slices[4:]), FailureCode.UID_REUSED),
        (lambda slices: set_all(StudyInstanceUID="1.3")(slices[4:]), FailureCode.UID_REUSED),
        (two_frames_of_reference, FailureCode.UID_REUSED),
        (two_hospitals, FailureCode.UID_REUSED),
        (lambda slices: slices.__delitem__(slice(3, None)), FailureCode.TOO_FEW_SLICES),
        (set_all(ImageOrientationPatient=[1, 0, 0, 0.1, 1, 0]), FailureCode.BAD_AFFINE),
        (set_all(ImageOrientationPatient=None), FailureCode.BAD_AFFINE),
        (set_all(ImagePositionPatient=["1", "2"]), FailureCode.BAD_AFFINE),
        (set_all(ImagePositionPatient=["1", "2", "1e308"]), FailureCode.BAD_AFFINE),
        (set_all(ImagePositionPatient=["1", "nan", "3"]), FailureCode.BAD_AFFINE),
        (set_all(PixelSpacing=None), FailureCode.BAD_SPACING),
        (set_all(PixelSpacing=[0, 1]), FailureCode.BAD_SPACING),
        (set_all(PixelSpacing=[-1, 1]), FailureCode.BAD_SPACING),
        (set_all(SamplesPerPixel=3), FailureCode.COLOUR_IMAGE),
        (set_all(PhotometricInterpretation="PALETTE COLOR"), FailureCode.COLOUR_IMAGE),
        (set_all(PhotometricInterpretation="MONOCHROME1"), FailureCode.NOT_HOUNSFIELD),
        (set_all(RescaleIntercept="1e308"), FailureCode.NOT_HOUNSFIELD),
        (set_all(RescaleIntercept="-40000"), FailureCode.NOT_HOUNSFIELD),
        (set_all(SOPClassUID=BasicTextSRStorage), FailureCode.UNREADABLE_FILE),
        (lambda slices: set_all(SOPClassUID="1.2")(slices[4:]), FailureCode.SEVERAL_SERIES),
        (set_all(Modality="PT"), FailureCode.NOT_CT),
        (set_all(Rows=30_000, Columns=30_000), FailureCode.TOO_LARGE),
        (set_all(NumberOfFrames="40"), FailureCode.UNREADABLE_FILE),
        (set_all(Rows=0), FailureCode.UNREADABLE_FILE),
        (set_all(RescaleIntercept=None), FailureCode.NOT_HOUNSFIELD),
        (set_all(RescaleSlope="0"), FailureCode.NOT_HOUNSFIELD),
        (set_all(RescaleSlope="-1"), FailureCode.NOT_HOUNSFIELD),
        (set_all(PixelData=b"\0" * 10), FailureCode.TRUNCATED_FILE),
    ],
)
def test_a_fault_of_the_series_has_its_code(
    change: Callable[[list[Dataset]], Any], code: FailureCode
) -> None:
    assert refusal(change).code is code


@given(st.sampled_from([0, 3, 7]), st.integers(0, min(map(len, GOOD)) - 1))
def test_a_slice_cut_anywhere_fails_the_series(k: int, length: int) -> None:
    with pytest.raises(SeriesError):
        read_dicom([*GOOD[:k], GOOD[k][:length], *GOOD[k + 1 :]])


ALTERED = st.dictionaries(
    st.integers(132, min(map(len, GOOD)) - 1), st.integers(0, 255), max_size=4
)


@pytest.mark.parametrize("depth", [3, 3000])
def test_sequences_in_sequences_end_in_a_sentence(depth: int) -> None:
    open_item = bytes.fromhex("08004011 5351 0000 FFFFFFFF FEFF00E0 FFFFFFFF")
    at = GOOD[7].index(bytes.fromhex("08001600 5549"))  # SOP Class UID
    nested = GOOD[7][:at] + open_item * depth + GOOD[7][at:]
    with pytest.raises(SeriesError) as refusal:
        read_dicom([*GOOD[:7], nested])
    assert refusal.value.code in {FailureCode.UNREADABLE_FILE, FailureCode.MISSING_UID}


@given(st.sampled_from([0, 3, 7]), ALTERED)
def test_an_altered_slice_is_read_or_refused_and_nothing_else(
    k: int, changes: dict[int, int]
) -> None:
    altered = bytearray(GOOD[k])
    for offset, value in changes.items():
        altered[offset] = value
    with contextlib.suppress(SeriesError):
        scan = read_dicom([*GOOD[:k], bytes(altered), *GOOD[k + 1 :]])
        assert scan.volume.shape == made_hu().shape
