"""Which windows cover an image, in which order, and which voxels are done after each.

The windows run along z, then y, then x, each axis in order. What lies before the next start along
all three axes is seen by no later window: it is final, and its label can be taken at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segment_actor.volume import FloatArray, Shape

BitArray = npt.NDArray[np.uint16]
"""Logits in bfloat16, which numpy does not have: its bits (`engine.host.bfloat16`)."""


@dataclass(frozen=True, slots=True)
class Window:
    """One window of an image; all in voxels of the padded image along z, y, x.

    Attributes:
        start: its first voxel.
        final: where the next window along each axis starts. Voxels below it along all three axes
            are in no window after this one, so their sums are complete.
    """

    start: Shape
    final: Shape


@dataclass(frozen=True, slots=True)
class Strip:
    """Rows start <= y < stop of an image, over its whole z and x: what is summed at a time.

    A strip is the whole image unless its sums exceed the memory that is free.
    """

    start: int
    stop: int


def window_starts(size: int, patch: int, step: float) -> list[int]:
    """First voxels of the windows along one axis: evenly spread, at most step * patch apart.

    Args:
        size: voxels of the image along this axis, at least `patch`.
        patch: voxels of the window along this axis.
        step: largest distance of two windows, as a fraction of the patch.
    """
    intervals = math.ceil((size - patch) / (patch * step))
    if intervals == 0:
        return [0]
    spacing = (size - patch) / intervals
    return [round(spacing * index) for index in range(intervals + 1)]


def windows(shape: Shape, patch: Shape, step: float, strip: Strip) -> Iterator[Window]:
    """The windows over a strip, in order.

    Args:
        shape: (z, y, x) of the padded image, along each axis at least that of the patch.
        patch: (z, y, x) voxels of a window.
        step: largest distance of two windows, as a fraction of the patch.
        strip: windows without a row in it are left out.
    """
    axes = [_along_axis(*axis, step) for axis in zip(shape, patch, strict=True)]
    for z, y, x in product(*axes):
        if y[0] < strip.stop and y[0] + patch[1] > strip.start:
            yield Window((z[0], y[0], x[0]), (z[1], y[1], x[1]))


def _along_axis(size: int, patch: int, step: float) -> list[tuple[int, int]]:
    """Start of each window along one axis, and of the one after it."""
    starts = window_starts(size, patch, step)
    return list(pairwise([*starts, size]))


def strips(height: int, count: int) -> list[Strip]:
    """`count` strips of about the same height that cover all rows.

    Args:
        height: rows of the padded image.
        count: 1 where memory suffices.
    """
    edges = [round(index * height / count) for index in range(count + 1)]
    return [Strip(*rows) for rows in pairwise(edges)]


def window_weights(patch: Shape) -> FloatArray:
    """(*patch) float32: nnU-Net's Gaussian: sigma patch / 8 about the centre, largest value 10.

    Nowhere 0, so that every voxel has a weight. The product of one line along each axis, which is
    bit for bit what filtering the whole patch gives, in a thousandth of the time.
    """
    z, y, x = (_gaussian_line(size) for size in patch)
    whole = z[:, None, None] * y[:, None] * x
    weights: FloatArray = (whole / whole.max() * 10).astype(np.float32)
    weights[weights == 0] = weights[weights > 0].min()
    return weights


def _gaussian_line(size: int) -> npt.NDArray[np.float64]:
    impulse = np.zeros(size)
    impulse[size // 2] = 1
    line: npt.NDArray[np.float64] = ndimage.gaussian_filter1d(impulse, size / 8, mode="constant")
    return line
