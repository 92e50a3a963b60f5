"""Files of one SOP Instance UID: equal ones are one image, others a refusal."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.volume import read_dicom
from tests.support.ct_files import dicom, dicom_files, dicom_slices, made_hu

GOOD = dicom_files(dicom_slices(made_hu()))


def with_copy(change: Callable[[Dataset], Any], k: int = 3) -> list[bytes]:
    """The series, and a changed copy of one of its images."""
    copy = dicom_slices(made_hu())[k]
    change(copy)
    return [*GOOD, dicom(copy)]


def test_a_series_that_is_there_twice_is_read_once() -> None:
    assert np.array_equal(read_dicom([*GOOD, *GOOD[::-1]]).volume.hu, made_hu())


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.compress(RLELossless, generate_instance_uid=False),
        lambda one: setattr(one, "InstanceNumber", "7"),
        lambda one: setattr(one, "ImagePositionPatient", ["-100.000", "-5.0E1", "22.00000"]),
    ],
    ids=["compressed", "renumbered", "rewritten"],
)
def test_copies_of_equal_pixels_and_place_are_one_image(change: Callable[[Dataset], Any]) -> None:
    assert np.array_equal(read_dicom(with_copy(change)).volume.hu, made_hu())


def other_pixel(one: Dataset) -> None:
    one.PixelData = one.PixelData[:-2] + b"\7\0"


@pytest.mark.parametrize(
    "change",
    [
        other_pixel,
        lambda one: setattr(one, "RescaleIntercept", "-1000"),
        lambda one: setattr(one, "ImagePositionPatient", [-100, -50, 22.5]),
        lambda one: setattr(one, "ImagePositionPatient", [-100, -50, 42]),
    ],
    ids=["pixel", "intercept", "place", "beyond the end"],
)
@pytest.mark.parametrize("copy_first", [False, True])
def test_copies_that_differ_are_refused(change: Callable[[Dataset], Any], copy_first: bool) -> None:
    files = with_copy(change)
    with pytest.raises(SeriesError, match="the copies differ") as refusal:
        read_dicom(files[::-1] if copy_first else files)
    assert refusal.value.code is FailureCode.COPIES_DIFFER


def test_copies_count_once_among_the_images_of_the_series() -> None:
    slices = dicom_slices(made_hu())
    for one in slices:
        one.NumberOfSeriesRelatedInstances = 8
    files = dicom_files(slices)
    assert read_dicom([*files, files[0]]).volume.shape[2] == 8
    with pytest.raises(SeriesError, match="speak of 8 images, and 7 are there"):
        read_dicom([*files[:7], files[0]])
