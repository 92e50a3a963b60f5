"""Whether two images have their voxels in the same places: the one rule, for whoever compares two.

A label map of another grid would be counted voxel by voxel against the wrong voxels, and nothing in
the numbers would show it.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from segment_actor.errors import SetupError
from segment_actor.volume import Affine, Shape

SAME_PLACE_MM = 1e-2
"""Largest difference of each of the affine's numbers (beside numpy's relative 1e-5). One grid,
written by two programs, differs by rounding: float32 holds 500 mm to 3e-5 mm, and an orientation
stored as a quaternion is less exact. All of it is far below half a voxel of a CT."""


class OnGrid(Protocol):
    """An image with a voxel grid, such as a `Volume` or a label map that was read from a file."""

    @property
    def shape(self) -> Shape:
        """(I, J, K) voxels."""
        ...

    @property
    def affine(self) -> Affine:
        """(4, 4) float64, voxel index to RAS millimetres."""
        ...


def check_same_grid(one: OnGrid, other: OnGrid, names: tuple[str, str], remedy: str = "") -> None:
    """Refuses two images whose voxels are not in the same places.

    Args:
        one: with its axes in the same order as those of `other`.
        other: what it is compared with.
        names: what a user calls the two, such as "the CT" and "the label map".
        remedy: what to do about it, put behind the sentence.

    Raises:
        SetupError: their shapes or their affines differ.
    """
    remedy = f"; {remedy}" if remedy else ""
    first, second = names
    if one.shape != other.shape:
        raise SetupError(f"{first} is {one.shape} voxels, {second} {other.shape}{remedy}")
    if not np.allclose(one.affine, other.affine, atol=SAME_PLACE_MM):
        raise SetupError(
            f"{first} and {second} lie at different places: their affines differ{remedy}"
        )
