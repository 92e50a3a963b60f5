"""Where windows lie and how their voxels count, by nnU-Net's rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from segment_actor.engine.windows import Strip, strips, window_starts, window_weights, windows
from segment_actor.volume import Shape


@given(size=st.integers(8, 400), step=st.floats(0.05, 1.0))
def test_windows_cover_the_axis_and_are_at_most_a_step_apart(size: int, step: float) -> None:
    starts = window_starts(size, 8, step)
    assert (starts[0], starts[-1]) == (0, size - 8)
    assert max(np.diff(starts), default=0) <= np.ceil(8 * step)


def test_windows_are_spread_as_nnunets_own_example() -> None:
    assert window_starts(110, 64, 0.5) == [0, 23, 46]


def test_each_voxel_becomes_final_once_and_in_its_last_window() -> None:
    shape, patch = (11, 9, 7), (4, 5, 3)
    last = np.full(shape, -1)
    final = np.full(shape, -1)
    for n, window in enumerate(windows(shape, patch, 0.6, Strip(0, 9))):
        (z, y, x), (to_z, to_y, to_x) = window.start, window.final
        last[z : z + 4, y : y + 5, x : x + 3] = n
        assert (final[z:to_z, y:to_y, x:to_x] == -1).all()
        final[z:to_z, y:to_y, x:to_x] = n
    np.testing.assert_array_equal(final, last)


@given(height=st.integers(1, 100), count=st.integers(1, 20))
def test_strips_cover_all_rows_without_overlap(height: int, count: int) -> None:
    rows = [row for strip in strips(height, count) for row in range(strip.start, strip.stop)]
    assert rows == list(range(height))


@pytest.mark.parametrize("patch", [(16, 16, 16), (112, 9, 14), (3, 128, 5)])
def test_weights_are_the_filtered_patch_bit_for_bit(patch: Shape) -> None:
    impulse = np.zeros(patch)
    impulse[tuple(size // 2 for size in patch)] = 1
    whole = ndimage.gaussian_filter(impulse, [size / 8 for size in patch], mode="constant")
    whole = (whole / whole.max() * 10).astype(np.float32)
    whole[whole == 0] = whole[whole > 0].min()
    np.testing.assert_array_equal(window_weights(patch), whole)


def test_weights_are_a_gaussian_of_an_eighth_with_peak_ten() -> None:
    weights = window_weights((16, 16, 16))
    assert weights[8, 8, 8] == 10
    assert weights[8, 8, 10] / 10 == pytest.approx(np.exp(-0.5), rel=1e-3)
    assert weights.min() > 0
