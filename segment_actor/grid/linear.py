"""Linear resampling as TotalSegmentator 2.18 does it, equal in every voxel.

Upstream (`totalsegmentator/resampling.py`, change_spacing, order 1) calls
`scipy.ndimage.zoom(order=1, mode="nearest")` in float64 and cuts the result off to int32. Cutting
off makes a difference of 1e-13 a whole HU wherever the exact result is a whole number, so the same
products are added here in scipy's order (`NI_ZoomShift` of `scipy/ndimage/src/ni_interpolation.c`):
((value * weight_i) * weight_j) * weight_k, the eight corners with K running fastest.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from segment_actor.volume import HuArray, Shape

_Corners = npt.NDArray[np.int64]
_Weights = npt.NDArray[np.float64]

INT16 = np.iinfo(np.int16)


def zoom_truncated(values: npt.NDArray[Any], out_shape: Shape) -> HuArray:
    """Resamples to another number of voxels over the same extent, cut off towards 0.

    Args:
        values: (I, J, K), HU of any real type.
        out_shape: (I', J', K').

    Returns:
        (I', J', K') int16: `scipy.ndimage.zoom(values.astype(float64), order=1, mode="nearest")`
        `.astype(int32)`, clipped to int16, beyond which no network looks.
    """
    result = np.empty(out_shape, dtype=np.int16)
    corners, weights = zip(*map(_axis, values.shape, out_shape), strict=True)
    _zoom(np.ascontiguousarray(values), corners, weights, result)
    return result


def _axis(n_in: int, n_out: int) -> tuple[_Corners, _Weights]:
    """(n_out, 2) neighbours of each output voxel along one axis, and their weights."""
    step = (n_in - 1) / (n_out - 1) if n_out > 1 else 1.0
    at = np.minimum(np.arange(n_out) * step, n_in - 1.0)
    below = np.floor(at)
    lower_weight = 1.0 - (at - below)
    corners = np.stack([below, np.minimum(below + 1, n_in - 1)], axis=1).astype(np.int64)
    return corners, np.stack([lower_weight, 1.0 - lower_weight], axis=1)


@numba.njit(cache=True, nogil=True)
def _zoom(
    values: npt.NDArray[Any],
    corners: tuple[_Corners, _Corners, _Corners],
    weights: tuple[_Weights, _Weights, _Weights],
    result: HuArray,
) -> None:
    # Weights of I and J are the same along an output line, so the four input lines around it are
    # weighted once, in a loop without branches; the order of the products is still scipy's.
    at_i, at_j, at_k = corners
    of_i, of_j, of_k = weights
    lines = np.empty((4, values.shape[2]))  # the four lines around an output line, weighted
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            for corner in range(4):
                line = values[at_i[i, corner // 2], at_j[j, corner % 2]]
                weight_i, weight_j = of_i[i, corner // 2], of_j[j, corner % 2]
                for k in range(line.size):
                    lines[corner, k] = line[k] * weight_i * weight_j
            for k in range(result.shape[2]):
                below, above = at_k[k]
                weight_below, weight_above = of_k[k]
                total = 0.0
                for corner in range(4):
                    total += lines[corner, below] * weight_below
                    total += lines[corner, above] * weight_above
                result[i, j, k] = np.int16(min(max(np.trunc(total), -32768.0), 32767.0))
