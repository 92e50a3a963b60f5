"""A folder as hospitals have it: the CT that is meant is read, or the choice is named."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage, SecondaryCaptureImageStorage

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.series import read_one, read_series
from tests.support.ct_files import SERIES_UID, dicom_files, dicom_slices, made_hu, zipped

SHAPE = (20, 22, 12)


def series(number: int, seed: int = 0, **elements: Any) -> list[Dataset]:
    """One series of a study, with UIDs of its own."""
    slices = dicom_slices(made_hu(SHAPE, seed), (2, 2, 3))
    for k, one in enumerate(slices):
        one.SeriesInstanceUID, one.SeriesNumber = f"{SERIES_UID}.9.{number}", number
        one.SOPInstanceUID = f"{SERIES_UID}.9.{number}.{k}"
        one.InstanceNumber, one.AcquisitionNumber = k + 1, number
        one.FrameOfReferenceUID = "1.2.3"
        for keyword, value in elements.items():
            setattr(one, keyword, value)
    return slices


def scout(number: int) -> list[Dataset]:
    return series(number, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])[:1]


def report() -> list[Dataset]:
    one = series(99)[0]
    one.SOPClassUID, one.Modality = BasicTextSRStorage, "SR"
    del one.PixelData, one.Rows
    return [one]


def dose_picture(of: int) -> list[Dataset]:
    one = series(of)[0]
    one.SOPClassUID, one.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.77"
    del one.ImagePositionPatient, one.ImageOrientationPatient
    return [one]


def hu_of(slices: list[Dataset], number: int | None = None) -> Any:
    files = dicom_files(slices)
    scan, headers = read_one("dicom", files, [f"{k}.x" for k in range(len(files))], number=number)
    assert {one.SeriesInstanceUID for one in headers} == {headers[0].SeriesInstanceUID}
    return scan.volume.hu


def refusal(slices: list[Dataset], number: int | None = None) -> SeriesError:
    with pytest.raises(SeriesError) as caught:
        hu_of(slices, number)
    return caught.value


STUDY = [*scout(1), *series(2, 2), *report()]


def test_the_ct_beside_a_scout_and_a_report_is_read() -> None:
    assert np.array_equal(hu_of(STUDY), made_hu(SHAPE, 2))


def test_of_two_reconstructions_of_one_acquisition_the_soft_one_is_read() -> None:
    of_one = {"Manufacturer": "SIEMENS", "AcquisitionNumber": 5, "AcquisitionTime": "101400"}
    sharp = series(2, 2, ConvolutionKernel="B70f", **of_one)
    soft = series(3, 3, ConvolutionKernel="B30f", **of_one)
    assert np.array_equal(hu_of([*sharp, *soft]), made_hu(SHAPE, 3))
    assert np.array_equal(hu_of([*sharp, *soft], 2), made_hu(SHAPE, 2))


def test_a_scout_and_a_dose_picture_of_the_series_itself_are_left_out_and_counted() -> None:
    slices = [*series(2, 2), *dose_picture(2)]
    for one in slices:
        one.NumberOfSeriesRelatedInstances = 13
    files = dicom_files(slices)
    scan, headers = read_one("dicom", files, [str(k) for k in range(13)])
    assert (scan.facts.images_left_out, len(headers)) == (1, 12)
    assert np.array_equal(scan.volume.hu, made_hu(SHAPE, 2))


def test_two_scans_are_named_by_their_numbers() -> None:
    error = refusal([*STUDY, *series(4, 4)])
    assert error.code is FailureCode.SEVERAL_SERIES
    assert "series 2 (12 images); series 4 (12 images)" in error.sentence
    assert "series 1 (1 image, localizer)" in error.sentence
    assert "--series" in error.sentence


@pytest.mark.parametrize("number", [2, 4])
def test_the_number_chooses(number: int) -> None:
    assert np.array_equal(hu_of([*STUDY, *series(4, 4)], number), made_hu(SHAPE, number))


def test_a_number_that_is_not_there_is_refused_with_those_that_are() -> None:
    error = refusal(STUDY, 7)
    assert error.code is FailureCode.SEVERAL_SERIES
    assert "No series has the number 7: series 1" in error.sentence


def test_two_phases_of_one_series_are_not_mixed() -> None:
    second = series(2, 5, AcquisitionNumber=6)
    for k, one in enumerate(second):
        one.SOPInstanceUID = f"1.2.8.{k}"
    error = refusal([*series(2, 2), *second], 2)
    assert error.code is FailureCode.SEVERAL_SERIES
    assert "2 volumes have the series number 2" in error.sentence
    assert "--series" not in error.sentence


def test_two_patients_under_one_uid_are_refused() -> None:
    second = series(2, 5, PatientID="another")
    for k, one in enumerate(second):
        one.SOPInstanceUID = f"1.2.8.{k}"
        one.ImagePositionPatient = [-100, -50, 46 + 3 * k]
    assert refusal([*series(2, 2), *second]).code is FailureCode.UID_REUSED


def test_the_only_series_is_read_though_no_index_would_select_it() -> None:
    coronal = series(2, 2, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    for k, one in enumerate(coronal):
        one.ImagePositionPatient = [0, 3 * k, 0]
    assert np.array_equal(hu_of(coronal), made_hu(SHAPE, 2))


def test_a_zip_is_a_folder() -> None:
    files = {f"study/{k}": file for k, file in enumerate(dicom_files(STUDY))}
    files["study/README"] = b"words"
    scan, _ = read_one("zip", [zipped(files)])
    assert np.array_equal(scan.volume.hu, made_hu(SHAPE, 2))


def test_series_of_two_patients_with_one_number_cannot_be_chosen_by_it() -> None:
    other = series(2, 5, PatientID="another", StudyInstanceUID="1.2.9", SeriesInstanceUID="1.2.9.2")
    for k, one in enumerate(other):
        one.SOPInstanceUID = f"1.2.9.2.{k}"
    for number in (None, 2):
        error = refusal([*series(2, 2), *other], number)
        assert error.code is FailureCode.SEVERAL_SERIES
        assert error.sentence.endswith(". Put each into its own folder.")


def tar_of(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("also", [True, False])
@pytest.mark.parametrize("inner", ["inner.zip", "inner", "inner.tar"])
def test_a_zip_in_a_zip_is_refused_with_a_sentence_that_says_so(also: bool, inner: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("1.dcm", b"...")
    files = {f"{k}.dcm": file for k, file in enumerate(dicom_files(series(2)))} if also else {}
    files[inner] = tar_of("1.dcm", b"...") if inner.endswith("tar") else buffer.getvalue()
    for read in (read_one, read_series):
        with pytest.raises(
            SeriesError, match="within a folder, zip or tar they are not looked into"
        ) as error:
            read("zip", [zipped(files)])
        assert error.value.code is FailureCode.UNREADABLE_FILE


def test_a_program_in_a_zip_is_no_zip_in_a_zip() -> None:
    files = {f"{k}.dcm": file for k, file in enumerate(dicom_files(series(2, 2)))}
    files["viewer/lib.jar"] = zipped({"a": b""})
    assert np.array_equal(read_series("zip", [zipped(files)]).volume.hu, made_hu(SHAPE, 2))


def test_a_folder_without_a_ct_to_measure_says_that_none_is_there() -> None:
    refused = refusal([*scout(1), *scout(2), *report()])
    assert refused.code is FailureCode.SEVERAL_SERIES
    assert "and none of them is a CT to measure: series 1 (1 image, localizer)" in refused.sentence
