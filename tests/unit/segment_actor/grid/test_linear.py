"""Linear resampling, cut off to whole numbers, against scipy: equal in every voxel."""

from __future__ import annotations

from typing import Literal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segment_actor.grid.linear import zoom_truncated
from segment_actor.volume import HuArray, Shape

sizes = st.tuples(*[st.integers(2, 60)] * 3)
slopes = st.sampled_from([1.0, 0.5, 1.00024, -0.1])


def upstream(values: np.ndarray, shape: Shape) -> HuArray:
    zoom = [n_out / n_in for n_out, n_in in zip(shape, values.shape, strict=True)]
    zoomed = ndimage.zoom(values.astype(np.float64), zoom, order=1, mode="nearest")
    return np.asarray(zoomed.astype(np.int32), dtype=np.int16)


@settings(max_examples=60, deadline=None)
@given(shape=sizes, out_shape=sizes, slope=slopes, memory=st.sampled_from("CF"))
def test_every_voxel_is_scipys_cut_off_to_a_whole_number(
    shape: Shape, out_shape: Shape, slope: float, memory: Literal["C", "F"]
) -> None:
    hu = np.random.default_rng(0).integers(-1024, 3072, shape) * slope
    values = np.asarray(hu, order=memory)
    np.testing.assert_array_equal(zoom_truncated(values, out_shape), upstream(hu, out_shape))


def test_int16_voxels_are_weighted_in_float64_as_scipy_weights_them() -> None:
    hu = np.random.default_rng(0).integers(-1024, 3072, (30, 31, 32)).astype(np.int16)
    np.testing.assert_array_equal(zoom_truncated(hu, (21, 44, 17)), upstream(hu, (21, 44, 17)))


def test_rounding_instead_of_cutting_off_would_differ_in_half_of_the_voxels() -> None:
    hu = np.random.default_rng(0).integers(-1024, 3072, (30, 31, 32)).astype(np.int16)
    rounded = np.rint(ndimage.zoom(hu.astype(np.float64), 0.7, order=1, mode="nearest"))
    assert 0.4 < np.mean(zoom_truncated(hu, rounded.shape) != rounded) < 0.6


def test_what_int16_cannot_hold_is_clipped() -> None:
    values = np.full((4, 4, 4), 1e6)
    assert zoom_truncated(values, (6, 6, 6)).max() == 32767
