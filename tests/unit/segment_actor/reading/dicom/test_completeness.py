from typing import Any

import pytest

from segment_actor.errors import SeriesError
from segment_actor.reading.dicom.volume import read_dicom
from tests.support.ct_files import dicom_files, dicom_slices, made_hu


def series(first: int, n: int, **elements: Any) -> list[bytes]:
    """`n` images, numbered from `first` on, of an acquisition of 20."""
    slices = dicom_slices(made_hu((6, 7, n)))
    told = {"AcquisitionNumber": 1, "ImagesInAcquisition": 20} | elements
    for k, one in enumerate(slices):
        one.InstanceNumber = first + k
        for keyword, value in told.items():
            setattr(one, keyword, value)
    return dicom_files(slices)


@pytest.mark.parametrize(("first", "n"), [(1, 19), (2, 19), (2, 18), (3, 18)])
def test_slices_missing_at_an_end_are_found_by_the_images_of_the_acquisition(
    first: int, n: int
) -> None:
    with pytest.raises(
        SeriesError, match=f"missing_slice: The headers speak of 20 images, and {n}"
    ):
        read_dicom(series(first, n))


@pytest.mark.parametrize("n", [8, 19])
def test_slices_missing_at_an_end_are_found_by_the_images_of_the_series(n: int) -> None:
    with pytest.raises(SeriesError, match="speak of 20 images"):
        read_dicom(series(1, n, NumberOfSeriesRelatedInstances=20, ImagesInAcquisition=None))


@pytest.mark.parametrize(
    ("first", "n", "elements"),
    [
        (1, 20, {}),
        (1, 10, {}),  # one of two reconstructions
        (0, 19, {}),  # counted in another way
        (101, 19, {}),
        (1, 19, {"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}),
        (1, 19, {"AcquisitionNumber": None}),
        (1, 19, {"ImagesInAcquisition": ""}),
        (1, 19, {"ImagesInAcquisition": 0}),
        (1, 19, {"ImagesInAcquisition": 3}),
    ],
)
def test_a_series_is_not_refused_for_a_number_of_something_else(
    first: int, n: int, elements: dict[str, Any]
) -> None:
    assert read_dicom(series(first, n, **elements)).volume.shape[2] == n


def test_an_archive_counts_a_scout_and_another_phase_of_the_series_too() -> None:
    files = series(1, 10, NumberOfSeriesRelatedInstances=21)
    facts = read_dicom(files, left_out=1, elsewhere=10).facts
    assert facts.images_left_out == 1
    with pytest.raises(SeriesError, match="speak of 11 images, and 10 are there"):
        read_dicom(files, left_out=1, elsewhere=9)
    with pytest.raises(SeriesError, match="missing_slice"):
        read_dicom(files)


def test_what_an_acquisition_counts_is_its_own_images() -> None:
    with pytest.raises(SeriesError, match="speak of 20 images, and 19 are there"):
        read_dicom(series(1, 19), left_out=1)


def every(stride: int, n: int, thickness_mm: float, **elements: Any) -> list[bytes]:
    """`n` images 4 mm apart, of which each is numbered `stride` after the one before."""
    slices = dicom_slices(made_hu((6, 7, n)))
    for k, one in enumerate(slices):
        one.InstanceNumber, one.SliceThickness = 1 + stride * k, thickness_mm
        for keyword, value in elements.items():
            setattr(one, keyword, value)
    return dicom_files(slices)


@pytest.mark.parametrize(("stride", "thickness_mm"), [(2, 2.0), (3, 4 / 3)])
def test_every_second_or_third_image_alone_is_not_taken_for_a_ct(
    stride: int, thickness_mm: float
) -> None:
    """What one of two or three disks holds of a series is as even as all of it."""
    with pytest.raises(SeriesError, match=f"missing_slice: Only one of {stride} images"):
        read_dicom(every(stride, 12, thickness_mm))


@pytest.mark.parametrize(
    ("stride", "thickness_mm", "elsewhere"),
    [
        (1, 1.0, 0),  # thin slices of a lung, 4 mm apart
        (2, 4.0, 0),  # slices that touch: another reconstruction has the other numbers
        (2, 2.0, 12),  # or another volume of the series
        (0, 2.0, 0),
    ],
)
def test_numbers_and_gaps_have_to_agree_that_images_are_missing(
    stride: int, thickness_mm: float, elsewhere: int
) -> None:
    scan = read_dicom(every(stride, 12, thickness_mm), elsewhere=elsewhere)
    assert scan.volume.shape[2] == 12
