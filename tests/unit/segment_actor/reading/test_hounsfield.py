import numpy as np
import pytest

from segment_actor.errors import SeriesError
from segment_actor.reading.hounsfield import check_hounsfield, to_hu
from segment_actor.volume import HuArray


def test_values_are_rounded_to_the_nearest_hu_and_kept_within_int16() -> None:
    stored = np.array([0.4, 0.6, -0.6, 1e9, -1e9])
    assert to_hu(stored, 1.0, 0.0).tolist() == [0, 1, -1, 32767, -32768]


def test_slope_and_intercept_are_applied_before_rounding() -> None:
    assert to_hu(np.array([0, 1, 4095], np.uint16), 0.5, -1024.0).tolist() == [-1024, -1024, 1024]


def test_int16_hu_are_taken_as_they_are() -> None:
    stored = np.array([-1000, 3071], np.int16)
    assert to_hu(stored, 1.0, 0.0) is stored


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_voxel_without_a_value_is_refused(value: float) -> None:
    with pytest.raises(SeriesError, match="not_finite"):
        to_hu(np.array([0.0, value]), 1e10, 0.0)


def ct_of(low: int, high: int, dark_voxels: int = 10) -> HuArray:
    """A thousand voxels, some of them low, the others high."""
    hu = np.full((10, 10, 10), high, np.int16)
    hu.flat[:dark_voxels] = low
    return hu


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-1, 1), (-3, 5), (0, 0), (0, 255), (0, 4095), (-49, 900), (-1000, -1000), (-60, 39)],
)
def test_what_cannot_be_hounsfield_units_is_refused(low: int, high: int) -> None:
    with pytest.raises(SeriesError, match=f"from {low} to {high}"):
        check_hounsfield(ct_of(low, high))


def test_one_dark_voxel_in_a_thousand_is_enough_and_fewer_are_noise() -> None:
    check_hounsfield(ct_of(-100, 900, dark_voxels=1))
    twice = np.concatenate([ct_of(-100, 900, dark_voxels=1), ct_of(-100, 900, dark_voxels=0)])
    with pytest.raises(SeriesError, match="from -100 to 900"):
        check_hounsfield(twice)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1024, 3071), (-120, 80), (-51, 49)],  # a whole body, muscle in fat, the narrowest accepted
)
def test_a_crop_without_air_is_still_a_ct(low: int, high: int) -> None:
    check_hounsfield(ct_of(low, high))
