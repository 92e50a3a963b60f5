"""Resampling against scipy.ndimage.zoom, voxel for voxel."""

from __future__ import annotations

import tracemalloc
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segment_actor.errors import SeriesError
from segment_actor.grid.resampling import (
    check_model_grid,
    labels_on_grid,
    model_grid,
    nearest_index,
    resample,
    to_model_grid,
)
from segment_actor.volume import Shape, Volume

sizes = st.tuples(*[st.integers(1, 90)] * 3)


def random_hu(shape: Shape, seed: int = 0) -> npt.NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-1024, 3072, shape).astype(np.int16)


def scipy_zoom(hu: npt.NDArray[Any], shape: Shape, order: int) -> npt.NDArray[np.float64]:
    zoom = [n_out / n_in for n_out, n_in in zip(shape, hu.shape, strict=True)]
    return np.asarray(ndimage.zoom(hu.astype(np.float64), zoom, order=order, mode="nearest"))


@settings(max_examples=40, deadline=None)
@given(shape=sizes, out_shape=sizes, order=st.sampled_from([0, 1, 3]), memory=st.sampled_from("CF"))
def test_resampling_is_within_a_hundredth_hu_of_scipy(
    shape: Shape, out_shape: Shape, order: int, memory: Literal["C", "F"]
) -> None:
    hu = np.asarray(random_hu(shape), order=memory)
    expected = scipy_zoom(hu, out_shape, order)
    np.testing.assert_allclose(resample(hu, out_shape, order), expected, rtol=0, atol=0.01)


@settings(max_examples=60, deadline=None)
@given(n_out=st.integers(1, 700), n_in=st.integers(1, 700))
def test_nearest_index_picks_scipys_voxel(n_out: int, n_in: int) -> None:
    line = np.arange(n_in, dtype=np.float64).reshape(1, n_in, 1)
    expected = ndimage.zoom(line, (1, n_out / n_in, 1), order=0, mode="nearest").ravel()
    np.testing.assert_array_equal(nearest_index(n_out, n_in), expected)


def test_noise_of_metal_and_air_stays_within_a_millionth_of_its_range() -> None:
    hu = np.random.default_rng(0).choice(np.array([-1024, 30_000], dtype=np.int16), (60, 40, 50))
    expected = scipy_zoom(hu, (33, 47, 81), 3)
    np.testing.assert_allclose(resample(hu, (33, 47, 81)), expected, rtol=0, atol=0.03)


def test_mirrored_views_are_read_in_their_own_order() -> None:
    hu = np.asarray(random_hu((20, 30, 40)), order="F")[::-1, ::-1]
    expected = resample(np.ascontiguousarray(hu), (9, 31, 20))
    np.testing.assert_allclose(resample(hu, (9, 31, 20)), expected, rtol=0, atol=0.01)


def test_a_volume_keeps_its_memory_order() -> None:
    hu = np.asarray(random_hu((20, 30, 40)), order="F")
    assert resample(hu, (9, 31, 20)).flags.f_contiguous


@pytest.mark.parametrize(
    ("n", "have_mm", "want_mm", "expected"),
    [(512, 0.8, 3.0, 137), (512, 0.8, 1.5, 273), (5, 1.5, 3.0, 2), (1, 0.5, 3.0, 1)],
)
def test_grid_counts_voxels_as_totalsegmentator(
    n: int, have_mm: float, want_mm: float, expected: int
) -> None:
    # 5 * 0.5 = 2.5 rounds to the even 2, as Python and scipy round
    assert model_grid((n, n, n), (have_mm,) * 3, (want_mm,) * 3) == (expected,) * 3


def test_model_grid_holds_whole_hu_nearest_to_scipys() -> None:
    volume = Volume(random_hu((40, 40, 30)), np.diag([0.8, 0.8, 1.5, 1.0]))
    on_grid = to_model_grid(volume, (1.5, 1.5, 3.0))
    assert on_grid.dtype == np.int16
    expected = scipy_zoom(volume.hu, (21, 21, 15), 3)
    np.testing.assert_allclose(on_grid, expected, rtol=0, atol=0.51)


def test_overshoot_beyond_int16_is_clipped() -> None:
    hu = np.full((12, 12, 12), -32768, dtype=np.int16)
    hu[6:] = 32767
    on_grid = to_model_grid(Volume(hu, np.diag([1.0, 1.0, 1.0, 1.0])), (0.5, 1.0, 1.0))
    assert on_grid.min() == -32768
    assert on_grid.max() == 32767
    assert np.all(np.diff(on_grid[10:14, 0, 0].astype(int)) >= 0)


def test_labels_return_to_the_cts_grid_as_scipys_nearest() -> None:
    labels = np.random.default_rng(0).integers(0, 105, (7, 9, 5)).astype(np.uint8)
    shape = (20, 9, 13)
    zoom = [n_out / n_in for n_out, n_in in zip(shape, labels.shape, strict=True)]
    expected = ndimage.zoom(labels, zoom, order=0, mode="nearest")
    np.testing.assert_array_equal(labels_on_grid(labels, shape), expected)


@pytest.mark.parametrize("truncate", [False, True])
def test_a_grid_larger_than_any_patient_is_refused_before_memory_is_asked_for(
    truncate: bool,
) -> None:
    volume = Volume(random_hu((60, 60, 60)), np.diag([49.0, 49, 49, 1]))
    tracemalloc.start()
    with pytest.raises(SeriesError, match=r"too_large.*1960 x 1960 x 1960"):
        to_model_grid(volume, (1.5, 1.5, 1.5), 1, truncate=truncate)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2**20


def test_the_grid_of_the_longest_ct_is_made() -> None:
    check_model_grid(model_grid((512, 512, 2000), (1.56, 1.56, 1.0), (1.5, 1.5, 1.5)))
