"""From the CT's grid to the model's and back.

Going in, a CT is resampled as `scipy.ndimage.zoom(mode="nearest", grid_mode=False)` does, which is
what TotalSegmentator calls: the centres of the first and last voxels of each axis stay in place.
Spline interpolation on a grid is linear and separable, so each axis is one matrix, and the matrix
is scipy's own answer for the identity. Its rows have some 25 weights worth keeping, so it is
applied as dense blocks along its diagonal, in float32: at most 0.01 HU from scipy's float64 for
CT values, 0.03 HU in white noise of metal and air.

One thread multiplies: blocks of this size are too small for more, and OpenBLAS's threads wait for
one another by counting. Beside other work, a CT of 512x512x280 then took 1 to 19 seconds of
processor time instead of 0.36.

The volume passes through in slabs: besides input and output, only the resampled planes that the
next output planes need are held.

TotalSegmentator's own way, linear and cut off to whole numbers, is in `segment_actor.grid.linear`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from threadpoolctl import ThreadpoolController

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.linear import zoom_truncated
from segment_actor.volume import Box, FloatArray, HuArray, LabelArray, Shape, SpacingMm, Volume

BLOCK_ROWS = 32
"""Output voxels of a block: longer blocks multiply more zeros, shorter ones cost more calls."""

CHUNK_PLANES = 8
"""Input planes that are resampled at a time: 8 x 512 x 512 float32 are 8 MB."""

NEGLIGIBLE = 1e-8
"""Weights below this change no HU by more than 1e-3, even next to metal."""

INT16 = np.iinfo(np.int16)

MAX_MODEL_VOXELS = 2**29
"""1 GiB of int16: at 1.5 mm a box of 0.8 x 0.8 x 2.8 m, more than any scanner covers. A file of
some kilobytes can ask for 1,000 times as much."""


def model_grid(shape: Shape, spacing_mm: SpacingMm, model_spacing_mm: SpacingMm) -> Shape:
    """Shape of the CT on the model's grid: round(n * spacing / model spacing), at least 1.

    As TotalSegmentator and scipy.ndimage.zoom count.
    """
    i, j, k = (
        max(1, round(n * (have / want)))
        for n, have, want in zip(shape, spacing_mm, model_spacing_mm, strict=True)
    )
    return i, j, k


def check_model_grid(shape: Shape) -> None:
    """Refuses a grid that no CT has, before memory is asked for. SeriesError: TOO_LARGE."""
    if math.prod(shape) > MAX_MODEL_VOXELS:
        raise SeriesError(
            FailureCode.TOO_LARGE,
            f"On the grid of the models the image has {shape[0]} x {shape[1]} x {shape[2]} voxels, "
            "more than any CT of a patient. Export the series again, or split it.",
        )


def to_model_grid(
    volume: Volume, model_spacing_mm: SpacingMm, order: int = 3, *, truncate: bool = False
) -> HuArray:
    """The CT on the model's grid, in whole HU.

    Args:
        volume: RAS, of any spacing.
        model_spacing_mm: voxel size of the model along I, J, K.
        order: degree of the spline: 0, 1 or 3.
        truncate: cut off to whole HU instead of rounding, as TotalSegmentator does; equal to it in
            every voxel, and of order 1 only.

    Returns:
        (I', J', K') int16.

    Raises:
        SeriesError: TOO_LARGE.
    """
    out_shape = model_grid(volume.shape, volume.spacing_mm, model_spacing_mm)
    check_model_grid(out_shape)
    if truncate:
        return _as_totalsegmentator(volume, model_spacing_mm)
    if out_shape == volume.shape:
        return volume.hu
    result = np.empty(out_shape, dtype=np.int16, order=_memory_order(volume.hu))
    with _one_blas_thread():
        for at, slab in _slabs(volume.hu, out_shape, order):
            result[at] = np.rint(slab).clip(INT16.min, INT16.max)
    return result


def _as_totalsegmentator(volume: Volume, model_spacing_mm: SpacingMm) -> HuArray:
    """`totalsegmentator.resampling.change_spacing` with order 1 and int32, version 2.18.

    It reads the spacing from a NIfTI header, which holds float32; and where that is the model's
    own it leaves the CT alone.
    """
    spacing_mm = tuple(float(np.float32(mm)) for mm in volume.spacing_mm)
    if spacing_mm == tuple(model_spacing_mm):
        return volume.hu
    i, j, k = spacing_mm
    out_shape = model_grid(volume.shape, (i, j, k), model_spacing_mm)
    return zoom_truncated(volume.hu if volume.exact_hu is None else volume.exact_hu, out_shape)


def resample(hu: HuArray | FloatArray, out_shape: Shape, order: int = 3) -> FloatArray:
    """Resamples to another number of voxels over the same extent.

    Args:
        hu: (I, J, K) int16 or float32.
        out_shape: (I', J', K').
        order: degree of the spline: 0 nearest, 1 linear, 3 cubic.

    Returns:
        (I', J', K') float32, within 0.01 HU of
        `scipy.ndimage.zoom(order, mode="nearest", grid_mode=False)`.
    """
    result = np.empty(out_shape, dtype=np.float32, order=_memory_order(hu))
    with _one_blas_thread():
        for at, slab in _slabs(hu, out_shape, order):
            result[at] = slab
    return result


def nearest_index(n_out: int, n_in: int) -> npt.NDArray[np.int32]:
    """For each of n_out voxels of an axis the nearest of n_in, as scipy's zoom of order 0 picks it.

    Returns:
        (n_out,) int32, in 0 .. n_in - 1.
    """
    index = np.empty(n_out, dtype=np.int32)
    ndimage.zoom(
        np.arange(n_in, dtype=np.int32), n_out / n_in, output=index, order=0, mode="nearest"
    )
    return index


def labels_on_grid(labels: LabelArray, shape: Shape) -> LabelArray:
    """A label map on a grid of another number of voxels over the same extent.

    Args:
        labels: (I', J', K') uint8.
        shape: (I, J, K), such as the CT's own.

    Returns:
        (I, J, K) uint8: each voxel has the label of the nearest, as scipy's zoom of order 0.
    """
    for axis, n_out in enumerate(shape):
        labels = labels.take(nearest_index(n_out, labels.shape[axis]), axis=axis)
    return labels


class _Block(NamedTuple):
    """A piece of one axis's matrix: output[rows] = weights @ input[columns].

    Attributes:
        rows: output voxels along the axis, `BLOCK_ROWS` of them or fewer.
        columns: input voxels whose weights are not negligible for one of these rows.
        weights: (rows, columns) float32.
    """

    rows: slice
    columns: slice
    weights: FloatArray


@lru_cache(maxsize=64)
def _axis_blocks(n_in: int, n_out: int, order: int) -> tuple[_Block, ...]:
    """The matrix of one axis, cut into blocks whose columns move forwards only.

    So the input can pass through once: a plane before the first column of a block is not asked for
    again. Kept for 64 axes, as the CTs of an archive have few shapes.
    """
    # scipy's own answer for each unit vector is a column of its matrix
    matrix = ndimage.zoom(np.eye(n_in), (n_out / n_in, 1), order=order, mode="nearest")
    used = np.abs(matrix) > NEGLIGIBLE
    first = np.minimum.accumulate(used.argmax(axis=1)[::-1])[::-1]
    last = np.maximum.accumulate(n_in - used[:, ::-1].argmax(axis=1))
    blocks = []
    for start in range(0, n_out, BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, n_out))
        columns = slice(int(first[start]), int(last[rows.stop - 1]))
        blocks.append(_Block(rows, columns, matrix[rows, columns].astype(np.float32)))
    return tuple(blocks)


def _slabs(
    hu: HuArray | FloatArray, out_shape: Shape, order: int
) -> Iterator[tuple[Box, FloatArray]]:
    """Yields boxes of the output and their values, along the slowest axis in memory.

    A NIfTI's array has K slowest. Transposed, it is an array whose first axis is slowest, so that
    one loop does for both; the slabs are transposed back.
    """
    flipped = _memory_order(hu) == "F"
    source, shape = (hu.T, out_shape[::-1]) if flipped else (hu, out_shape)
    whole = slice(None)
    for rows, slab in _slabs_of_axis_0(source, shape, order):
        yield ((whole, whole, rows), slab.T) if flipped else ((rows, whole, whole), slab)


def _slabs_of_axis_0(
    source: HuArray | FloatArray, shape: Shape, order: int
) -> Iterator[tuple[slice, FloatArray]]:
    """Yields stretches of axis 0 and the output there, each slab from the planes that it needs.

    In-plane resampling comes first and each input plane has it once: what neighbouring slabs share
    is kept in `planes` from one to the next.
    """
    by_axis = [_axis_blocks(n, m, order) for n, m in zip(source.shape, shape, strict=True)]
    planes = np.empty((0, *shape[1:]), dtype=np.float32)
    first = 0  # input plane that planes[0] was made of
    for block in by_axis[0]:
        start, stop = block.columns.start, block.columns.stop
        fresh = [
            _resample_planes(source[at : min(at + CHUNK_PLANES, stop)], by_axis[1], by_axis[2])
            for at in range(max(first + len(planes), start), stop, CHUNK_PLANES)
        ]
        planes = np.concatenate([planes[start - first :], *fresh])
        first = start
        slab = block.weights @ planes.reshape(len(planes), -1)
        yield block.rows, slab.reshape(-1, *shape[1:])


def _resample_planes(
    planes: HuArray | FloatArray, rows: tuple[_Block, ...], columns: tuple[_Block, ...]
) -> FloatArray:
    """(n, J, K) to (n, J', K') float32."""
    source = np.ascontiguousarray(planes, dtype=np.float32)
    halfway = np.empty((len(source), rows[-1].rows.stop, source.shape[2]), dtype=np.float32)
    for block in rows:
        np.matmul(block.weights, source[:, block.columns], out=halfway[:, block.rows])
    lines = halfway.reshape(-1, halfway.shape[2])
    result = np.empty((len(lines), columns[-1].rows.stop), dtype=np.float32)
    for block in columns:
        np.matmul(lines[:, block.columns], block.weights.T, out=result[:, block.rows])
    return result.reshape(len(source), -1, result.shape[1])


def _memory_order(array: npt.NDArray[Any]) -> Literal["C", "F"]:
    """'F' if the last axis is the slowest in memory, as in NIfTI files; else 'C'."""
    return "F" if abs(array.strides[2]) > abs(array.strides[0]) else "C"


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # once: it looks through all libraries of the process, 3 ms


def _one_blas_thread() -> AbstractContextManager[object]:
    limit: AbstractContextManager[object] = _blas().limit(limits=1, user_api="blas")
    return limit
