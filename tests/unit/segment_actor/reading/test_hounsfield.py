from functools import cache

import nibabel as nib
import numpy as np
import pytest

from segment_actor.errors import SeriesError
from segment_actor.reading.hounsfield import check_hounsfield, to_hu
from segment_actor.volume import HuArray
from tests.support.real_ct import real_ct_folder


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


def ct_of(low: int, high: int, dark_voxels: int = 11) -> HuArray:
    """A thousand voxels: one at each end of the range, some near the lower, the rest between."""
    hu = np.linspace(max(low, -49), high, 1000).round().reshape(10, 10, 10)
    hu.flat[:dark_voxels] = low + (dark_voxels > 1)
    hu.flat[0] = low
    return hu.clip(low, high).astype(np.int16)


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-1, 1), (-3, 5), (0, 0), (0, 255), (0, 4095), (-49, 900), (-1000, -1000), (-60, 39)],
)
def test_what_cannot_be_hounsfield_units_is_refused(low: int, high: int) -> None:
    with pytest.raises(SeriesError, match=f"from {low} to {high}"):
        check_hounsfield(ct_of(low, high))


def test_one_dark_voxel_in_a_thousand_is_enough_and_fewer_are_noise() -> None:
    check_hounsfield(ct_of(-100, 900, dark_voxels=1))
    twice = np.concatenate([ct_of(-100, 900, dark_voxels=1), ct_of(-49, 900)])
    with pytest.raises(SeriesError, match="from -100 to 900"):
        check_hounsfield(twice)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1024, 3071), (-120, 80), (-52, 49)],  # a whole body, muscle in fat, nearly the narrowest
)
def test_a_crop_without_air_is_still_a_ct(low: int, high: int) -> None:
    check_hounsfield(ct_of(low, high))


@cache
def body() -> HuArray:
    """(36, 36, 36): room around a trunk of fat and muscle, lungs, bone of 300 to 1500 HU; noise."""
    rng = np.random.default_rng(0)
    i, j, _ = np.indices((36, 36, 36)) - 17.5
    hu = np.full(i.shape, -1000.0)
    hu[i**2 + j**2 < 16**2] = -100
    hu[i**2 + j**2 < 14**2] = 50
    hu[(i - 8) ** 2 + j**2 < 4**2] = -800
    bone = i**2 + (j - 10) ** 2 < 3.2**2
    hu[bone] = rng.uniform(300, 1500, np.count_nonzero(bone))
    noisy: HuArray = (hu + rng.normal(0, 15, hu.shape)).round().astype(np.int16)
    return noisy


def outside(hu: HuArray, value: int) -> HuArray:
    """With this value outside of the round field of view."""
    i, j, _ = np.indices(hu.shape) - 17.5
    return np.where(i**2 + j**2 > 17.5**2, value, hu).astype(np.int16)


@pytest.mark.parametrize(
    ("low", "high", "where"),
    [
        (-160, 240, "at -160"),
        (-200, 400, "at -200"),
        (-770, 1730, "at -770"),  # a window for bone; the lungs lie below
        (-1024, 400, "at 400"),  # the lungs are right and the bones are not
        (-1350, 150, "at 150"),
        (-1024, 700, "at 700"),
        (-150, 3071, "at -150"),
    ],
)
def test_a_ct_that_was_clipped_to_a_window_is_refused(low: int, high: int, where: str) -> None:
    with pytest.raises(SeriesError, match=f"not_hounsfield.*cut off {where},"):
        check_hounsfield(body().clip(low, high))


def test_an_8_bit_copy_of_a_window_is_refused_though_its_header_makes_hu_of_it() -> None:
    grey = ((body().clip(-160, 240) + 160) * (255 / 400)).round().astype(np.uint8)
    with pytest.raises(SeriesError, match="cut off at -160,"):
        check_hounsfield(to_hu(grey, 400 / 255, -160.0))


@pytest.mark.parametrize(("low", "high"), [(-1024, 3071), (-1000, 3095), (-1000, 1300)])
def test_a_ct_cut_off_at_its_scanners_limits_is_read(low: int, high: int) -> None:
    check_hounsfield(body().clip(low, high))


@pytest.mark.parametrize("fill", [-1024, -2000, -3024, -32768])
def test_a_fill_around_the_field_of_view_is_read(fill: int) -> None:
    check_hounsfield(outside(body(), fill))


def test_a_fill_of_the_highest_value_is_refused() -> None:
    with pytest.raises(SeriesError, match=r"\d+% of the image have its highest value, 3071"):
        check_hounsfield(outside(body(), 3071))


def test_metal_at_the_scanners_limit_is_read() -> None:
    hu = body().copy()
    hu[10:24, 10:24, 5:15] = 3071  # 4 % of the voxels
    check_hounsfield(hu)


def test_a_crop_around_a_large_implant_is_read() -> None:
    hu = body()[10:26, 4:20, 10:26].copy()
    hu[4:14, 4:14, :10] = 3071  # 24 % of the voxels, as in a crop around an artificial hip
    check_hounsfield(hu)


def test_a_fill_of_the_highest_value_is_found_in_a_crop_that_cuts_one_side_off() -> None:
    with pytest.raises(SeriesError, match="have its highest value, 3071"):
        check_hounsfield(outside(body(), 3071)[:18])


@pytest.mark.parametrize("fill", [-1000, -1024, -2000])
def test_a_fill_alone_does_not_make_hu_of_raw_pixels(fill: int) -> None:
    raw = (body() + 1024).clip(0, None)
    with pytest.raises(SeriesError, match=f"from {fill} to"):
        check_hounsfield(outside(raw, fill))


@pytest.mark.parametrize("place", [(5, 5, 5), (16, 20, 16), (12, 20, 16)])
def test_a_small_crop_is_read_wherever_it_lies(place: tuple[int, int, int]) -> None:
    i, j, k = place
    check_hounsfield(body()[i : i + 6, j : j + 15, k : k + 6])


def test_values_that_were_scaled_or_shifted_are_left_to_quality_control() -> None:
    check_hounsfield((body() / 2).round().astype(np.int16))
    check_hounsfield((body() + 100).astype(np.int16))


@pytest.mark.parametrize("window", [(-160, 240), (-200, 400), (-1000, 400)])
def test_a_real_ct_is_read_and_its_window_is_not(window: tuple[int, int]) -> None:
    image = nib.Nifti1Image.from_filename(real_ct_folder() / "example_ct.nii.gz")
    hu = np.asarray(image.dataobj).astype(np.int16)
    check_hounsfield(hu)
    with pytest.raises(SeriesError, match="cut off"):
        check_hounsfield(hu.clip(*window))


def test_a_real_mr_does_not_become_a_ct_by_its_fill() -> None:
    image = nib.Nifti1Image.from_filename(real_ct_folder() / "example_mr_sm.nii.gz")
    mr = image.get_fdata().round().astype(np.int16)
    with pytest.raises(SeriesError, match="from -1000"):
        check_hounsfield(np.where(mr <= 0, -1000, mr).astype(np.int16))
