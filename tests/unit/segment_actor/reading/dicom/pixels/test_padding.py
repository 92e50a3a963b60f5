"""The reference values are of the pixels that were made, none of them of a reader."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydicom.dataset import Dataset

from segment_actor.reading.dicom.volume import read_dicom
from segment_actor.volume import HuArray
from tests.support.ct_files import dicom_files, dicom_slices

SHAPE = (40, 40, 4)
X, Y, _ = np.ogrid[:40, :40, :4]
OUTSIDE = np.broadcast_to((X - 19.5) ** 2 + (Y - 19.5) ** 2 > 19.5**2, SHAPE)
HU = np.random.default_rng(0).integers(-60, 60, SHAPE).astype(np.int16)  # water, noisy


def slices_of(
    stored: npt.NDArray[Any], intercept: int, padding: int, limit: int | None = None
) -> list[Dataset]:
    """A series of these stored values, signed where one is negative."""
    signed = int(stored.min() < 0)
    slices = dicom_slices(np.zeros(SHAPE, np.int16))
    for k, one in enumerate(slices):
        one.PixelRepresentation, one.RescaleIntercept = signed, str(intercept)
        one.PixelData = stored[:, :, k].T.astype("<i2" if signed else "<u2").tobytes()
        one.add_new("PixelPaddingValue", "SS" if padding < 0 else "US", padding)
        if limit is not None:
            one.add_new("PixelPaddingRangeLimit", "SS" if limit < 0 else "US", limit)
    return slices


def read(slices: list[Dataset]) -> HuArray:
    return read_dicom(dicom_files(slices)).volume.hu


@pytest.mark.parametrize(
    ("padding", "limit", "padded"),
    [(7, None, [7]), (3, 5, [3, 4, 5]), (5, 3, [3, 4, 5])],
)
def test_values_below_air_become_air(padding: int, limit: int | None, padded: list[int]) -> None:
    stored = np.arange(1600).reshape(40, 40, 1).repeat(4, axis=2)
    hu = read(slices_of(stored, -1050, padding, limit))
    assert np.array_equal(hu, np.where(np.isin(stored, padded), -1024, stored - 1050))


@pytest.mark.parametrize("padding", [-2000, 63536])
def test_the_circle_that_ge_writes_becomes_air(padding: int) -> None:
    stored = np.where(OUTSIDE, -2000, HU.astype(int) + 1024)
    hu = read(slices_of(stored, -1024, padding))
    assert np.array_equal(hu, np.where(OUTSIDE, -1024, HU))


def test_a_stale_zero_does_not_turn_water_to_air() -> None:
    assert (HU == 0).sum() > 30
    assert np.array_equal(read(slices_of(HU, 0, 0)), HU)


def test_a_stale_range_does_not_turn_all_below_water_to_air() -> None:
    assert np.array_equal(read(slices_of(HU, 0, -2000, 0)), HU)


@pytest.mark.parametrize("fill_hu", [0, 3071])
def test_a_circle_filled_with_a_value_of_tissue_becomes_air_and_the_tissue_stays(
    fill_hu: int,
) -> None:
    inside = np.hypot(X - 19.5, Y - 19.5) < 15
    hu = np.where(inside, HU, -500)
    hu[20, 20] = fill_hu  # of the padding's value, and no padding
    stored = np.where(OUTSIDE, fill_hu, hu) + 1024
    expected = np.where(OUTSIDE, -1024, hu)
    assert np.array_equal(read(slices_of(stored, -1024, fill_hu + 1024)), expected)


def test_a_value_that_no_scanner_measures_becomes_air_wherever_it_is() -> None:
    hole = np.zeros(SHAPE, bool)
    hole[15:20, 15:20] = True
    stored = np.where(hole, 65535, HU.astype(int) + 1024)
    hu = read(slices_of(stored, -1024, 65535))
    assert np.array_equal(hu, np.where(hole, -1024, HU))
