"""Where a CT was reconstructed: not in the padding around the scanner's round field of view.

Scanners reconstruct a circle and fill the rest of the square image with one value. What the circle
cuts is as incomplete as what a face of the image cuts, so measuring has to know it. A header seldom
says so, and a NIfTI file cannot; the voxels do:

- Below -1024 HU no air lies. One such value that fills lines of the image from their ends is
  padding, in whatever shape (a tilted gantry, a resampled image, a circle that moves).
- From -1024 HU on it may as well be air: clipped, or made even. It is padding only if it is the
  same in every slice and ends at a circle (or straight along rows and columns: made square).

Padding that touches clipped air of the same value cannot be told from it, and is not found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from segment_actor.volume import HuArray, SpacingMm
from stats.label_map.circle import on_a_circle, outline

DARKEST_AIR_HU: Final = -1024
"""The lowest value of 12 bits with the usual intercept; reconstructions clip there."""

BRIGHTEST_AIR_HU: Final = -950
"""What is made square by hand is filled with air; a straight edge of another value may be a part of
the picture."""

RINGING_HU: Final = 4
"""Resampling and lossy compression leave a padding off by some HU. With 4, no point of the outline
lies outside of the circle by more than 1.7 voxels in the DICOM series that TotalSegmentator ships;
with 1, by 4.3."""

SMALLEST_SHARE: Final = 0.001
"""Share of the CT's voxels that padding has at least: a corner of 22 x 22 in 512 x 512."""

FEWEST_VOXELS: Final = 100
"""And their number: less may be alike by chance."""

SHORTEST_VOXELS: Final = 3.0
"""Mean length of the stretches that padding fills, at least; those of noise are of 1 to 1.5."""

DEEPER_VOXELS: Final = 2.0
"""How much deeper than in all slices together a value may reach in one, in the mean over both ends
of all rows. Clipped noise adds 0.0 to 0.5; air around phantoms' bodies, 4.2 to 26."""

BLOCK: Final = 8
"""Voxels that are looked at together."""

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

    Visits no voxel but the padding, and one more at each end of a line.

    Args:
        hu: (I, J, K) int16, axes RAS; any memory order.
        spacing_mm: voxel size along I, J, K; None for square pixels.
    """
    image = whole_image(hu)
    i, j, k = (max(n - 1, 1) for n in hu.shape)
    fill = int(hu[::i, ::j, :: max(k // 2, 1)].min())  # of the corners of three slices
    voxels = hu.transpose(image.order)
    found = FieldOfView(image.order, image.first.copy(), image.stop.copy())
    _trim(voxels, (fill - RINGING_HU, fill + RINGING_HU), found.first, found.stop)
    n_outside = hu.size - int(np.maximum(found.stop - found.first, 0).sum())
    at_end = (found.stop > 0) & (found.stop < image.stop)  # 0: counted at the beginning
    n_stretches = np.count_nonzero(found.first) + np.count_nonzero(at_end)
    fewest = max(FEWEST_VOXELS, SMALLEST_SHARE * hu.size, SHORTEST_VOXELS * n_stretches)
    if n_outside == hu.size or n_outside < fewest:
        return image
    if fill < DARKEST_AIR_HU:  # and what resampling has mixed of padding and tissue
        _trim(voxels, (np.iinfo(np.int16).min, DARKEST_AIR_HU - 1), found.first, found.stop)
        return found
    alike, inside = _alike_in_all_slices(found, hu.shape)
    points = outline(inside)
    deeper = n_outside / hu.shape[2] - np.count_nonzero(~inside)
    n_ends = 2 * np.count_nonzero(inside.any(axis=1))
    if inside.all() or deeper > DEEPER_VOXELS * n_ends:
        return image
    rows, columns = (axis for axis in found.order if axis != 2)
    pixel_mm = (spacing_mm[rows], spacing_mm[columns]) if spacing_mm else (1.0, 1.0)
    if len(points):
        return alike if on_a_circle(points, inside.shape, pixel_mm) else image
    return alike if fill <= BRIGHTEST_AIR_HU else image


def _alike_in_all_slices(
    found: FieldOfView, shape: tuple[int, ...]
) -> tuple[FieldOfView, npt.NDArray[np.bool_]]:
    """What lies outside in every slice.

    Args:
        found: what lies outside in some.
        shape: (I, J, K) of the CT.

    Returns:
        the same stretches in all slices; and one slice, its slower axis first: True inside.
    """
    of_slice, n = found.order.index(2), shape[found.order[2]]
    if of_slice == 2:  # lines run from slice to slice: outside is where all of one is
        inside = found.first < found.stop
        first, stop = np.where(inside, 0, n), np.where(inside, n, 0)
    else:
        first = found.first.min(axis=of_slice, keepdims=True)
        stop = found.stop.max(axis=of_slice, keepdims=True)
        inside = (np.arange(n) >= first.reshape(-1, 1)) & (np.arange(n) < stop.reshape(-1, 1))
    first, stop = (np.broadcast_to(x, found.first.shape).astype(np.int32) for x in (first, stop))
    return FieldOfView(found.order, first, stop), inside


@numba.njit(cache=True, nogil=True)
def _trim(hu: HuArray, span_hu: tuple[int, int], first: Lines, stop: Lines) -> None:
    """Narrows the stretch of each line from both ends, as long as all voxels are in a span of HU.

    Args:
        hu: (axis 0, 1, 2) int16, the fastest in memory last.
        span_hu: lowest and highest.
        first: moved forwards; n2 for a line that has nothing else.
        stop: moved backwards; 0 for such a line.
    """
    n0, n1, n2 = hu.shape
    lowest, highest = span_hu
    for a in range(n0):
        for b in range(n1):
            line, low, end = hu[a, b], first[a, b], stop[a, b]
            while low + BLOCK <= end and _all_within(line, low, span_hu):
                low += BLOCK
            while low < end and lowest <= line[low] <= highest:
                low += 1
            while end - BLOCK >= low and _all_within(line, end - BLOCK, span_hu):
                end -= BLOCK
            while low < end and lowest <= line[end - 1] <= highest:
                end -= 1
            first[a, b], stop[a, b] = (low, end) if low < end else (n2, 0)


@numba.njit(cache=True, nogil=True)
def _all_within(line: npt.NDArray[np.int16], start: int, span_hu: tuple[int, int]) -> bool:
    """Whether a block of voxels is, found without a branch: three times as fast as one by one."""
    outside = False
    for n in range(BLOCK):
        outside |= (line[start + n] < span_hu[0]) | (line[start + n] > span_hu[1])
    return not outside
