"""Where a CT was reconstructed: not in the padding around the scanner's round field of view.

Scanners reconstruct a circle and fill the rest of the square image with one value. What the circle
cuts is as incomplete as what a face of the image cuts, so measuring has to know it. A header seldom
says so, and a NIfTI file cannot; the voxels do:

- Below -1024 HU no air lies. One such value that fills lines of the image from their ends is
  padding, in whatever shape (a tilted gantry, a resampled image, a circle that moves).
- From -1024 HU on it may as well be air: clipped, or made even. It is padding only if it is so in
  every slice, and ends at a circle (or at straight rows and columns: an image made square).

Padding of one value with clipped air around the body cannot be told from it, and is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from segment_actor.volume import HuArray, SpacingMm

AIR_HU: Final = -1024
"""The lowest value of air: that of 12 bits with the usual intercept."""

BRIGHTEST_AIR_HU: Final = -950
"""No image is padded with a value between this and the darkest tissue."""

ROUNDING_HU: Final = 1
"""A resampled padding is off by this (the example CT of TotalSegmentator: -1024 and -1023)."""

SMALLEST_SHARE: Final = 0.001
"""Share of the CT's voxels that padding has at least: a corner of 22 x 22 in 512 x 512."""

FEWEST_VOXELS: Final = 100
"""And their number: less may be alike by chance."""

OFF_CIRCLE_VOXELS: Final = 1.0
"""How far from the circle an outline of whole voxels may run: half a voxel each for steps and fit.
"""

OFF_CIRCLE_SHARE: Final = 0.02
"""Share of the outline that may be farther off: bright noise, a wire at the edge."""

FEWEST_POINTS: Final = 12
"""Four times as many as decide a circle."""

DEPTH_VOXELS: Final = 2.0
"""How much farther in than in all slices together the value reaches in one, in the mean. Clipped
noise adds less than 1; around a body it is its change in width, 4 to 20 (measured on phantoms)."""

Lines = npt.NDArray[np.int32]
"""(n0, n1) int32: one number for each line of the CT along the axis that is fastest in memory."""


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """The stretch of each line of the CT that was reconstructed, as the CT lies in memory.

    Attributes:
        order: (3,) axes of the CT from slowest to fastest in memory; below, axis 0, 1, 2 are these.
        first: first voxel along axis 2 that was reconstructed.
        stop: the one after the last; not above `first` where none was.
    """

    order: tuple[int, int, int]
    first: Lines
    stop: Lines


def whole_image(hu: HuArray) -> FieldOfView:
    """All of it."""
    a, b, c = (int(n) for n in np.argsort([-abs(s) for s in hu.strides], kind="stable"))
    lines = hu.shape[a], hu.shape[b]
    return FieldOfView((a, b, c), np.zeros(lines, np.int32), np.full(lines, hu.shape[c], np.int32))


def find_field_of_view(hu: HuArray, spacing_mm: SpacingMm | None = None) -> FieldOfView:
    """Where the CT was reconstructed; all of it where nothing is surely padding.

    Visits no voxel but the padding and one more at each end of a line: 10 to 40 ms of one core for
    512x512x280 voxels.

    Args:
        hu: (I, J, K) int16, axes RAS; any memory order.
        spacing_mm: voxel size along I, J, K; None for square pixels.
    """
    image = whole_image(hu)
    i, j, k = (max(n - 1, 1) for n in hu.shape)
    fill = int(hu[::i, ::j, :: (k + 1) // 2].min())  # of the corners of first, middle, last slice
    if fill > BRIGHTEST_AIR_HU:
        return image
    voxels = hu.transpose(image.order)
    found = FieldOfView(image.order, image.first.copy(), image.stop.copy())
    _trim(voxels, fill + ROUNDING_HU, found.first, found.stop)
    n_padding = hu.size - int(np.maximum(found.stop - found.first, 0).sum())
    if n_padding in {0, hu.size} or n_padding < max(FEWEST_VOXELS, SMALLEST_SHARE * hu.size):
        return image
    if fill < AIR_HU:  # and what resampling has mixed of padding and tissue
        _trim(voxels, AIR_HU - 1, found.first, found.stop)
        return found
    return _alike_in_all_slices(found, n_padding, hu.shape, spacing_mm) or image


def _alike_in_all_slices(
    found: FieldOfView, n_padding: int, shape: tuple[int, ...], spacing_mm: SpacingMm | None
) -> FieldOfView | None:
    """What lies outside in every slice, if it is the same in all and ends at a circle; else None.

    Args:
        found: where the value lies that may be padding or air.
        n_padding: its voxels.
        shape: (I, J, K) of the CT.
        spacing_mm: voxel size along I, J, K; None for square pixels.
    """
    of_slice = found.order.index(2)
    if of_slice == 2:  # lines run from slice to slice: outside is where all of one is
        never = found.first >= found.stop
        first = np.where(never, shape[2], 0).astype(np.int32)
        stop = np.where(never, 0, shape[2]).astype(np.int32)
    else:
        first = found.first.min(axis=of_slice, keepdims=True)
        stop = found.stop.max(axis=of_slice, keepdims=True)
        along = np.arange(shape[found.order[2]])
        never = (along < first.reshape(-1, 1)) | (along >= stop.reshape(-1, 1))
    outline = _outline(~never)
    deeper = n_padding / shape[2] - np.count_nonzero(never)
    if not never.any() or deeper > DEPTH_VOXELS * max(len(outline), 1):
        return None
    rows, columns = (axis for axis in found.order if axis != 2)
    pixel_mm = (spacing_mm[rows], spacing_mm[columns]) if spacing_mm else (1.0, 1.0)
    if len(outline) and not _is_circle(outline, never.shape, pixel_mm):
        return None
    first, stop = (np.broadcast_to(x, found.first.shape).copy() for x in (first, stop))
    return FieldOfView(found.order, first, stop)


def _outline(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """(points, 2) row and column, in voxels, half-way from the last inside to the first outside.

    One for each end of a row, without those that lie on the box around all: these are the image's
    own faces, or straight.
    """
    rows = np.flatnonzero(inside.any(axis=1))
    low = inside[rows].argmax(axis=1)
    high = inside.shape[1] - 1 - inside[rows, ::-1].argmax(axis=1)
    left, right = low > low.min(), high < high.max()
    ends = np.concatenate([low[left] - 0.5, high[right] + 0.5])
    return np.stack([np.concatenate([rows[left], rows[right]]), ends], axis=1)


def _is_circle(
    outline: npt.NDArray[np.float64], shape: tuple[int, ...], pixel_mm: tuple[float, float]
) -> bool:
    """Whether the points lie on one circle, found by least squares, that fits around the image."""
    if len(outline) < FEWEST_POINTS:
        return False
    points = outline * pixel_mm
    around = np.column_stack([2 * points, np.ones(len(points))])
    x, y, rest = np.linalg.lstsq(around, (points**2).sum(axis=1))[0]
    radius_mm = float(np.sqrt(max(rest + x * x + y * y, 0.0)))
    off_mm = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius_mm)
    off = np.count_nonzero(off_mm > OFF_CIRCLE_VOXELS * max(pixel_mm))
    fits = radius_mm <= np.hypot(*np.multiply(shape, pixel_mm))
    return bool(fits and off <= OFF_CIRCLE_SHARE * len(points))


@numba.njit(cache=True, nogil=True)
def _trim(hu: HuArray, highest: int, first: Lines, stop: Lines) -> None:
    """Narrows the stretch of each line from both ends, as long as no voxel exceeds `highest`.

    Args:
        hu: (axis 0, 1, 2) int16, the fastest in memory last.
        highest: HU.
        first: moved forwards; n2 for a line that has nothing else.
        stop: moved backwards; 0 for such a line.
    """
    n0, n1, n2 = hu.shape
    for a in range(n0):
        for b in range(n1):
            low, end = first[a, b], stop[a, b]
            while low < end and hu[a, b, low] <= highest:
                low += 1
            while low < end and hu[a, b, end - 1] <= highest:
                end -= 1
            first[a, b], stop[a, b] = (low, end) if low < end else (n2, 0)
