"""A CT of a tilted gantry made straight: its slices are shifted back, line by line.

The slices are parallel and lie at even distances, but each begins a little farther along its
columns than the one before, because the table moves at an angle to them. Shifted back, they stand
upright upon each other: the angle stays, as in any oblique CT, and the volume is sheared no more.
Nothing else has to be resampled. Between two rows the values are interpolated linearly, as dcm2niix
does: no value is new, not even at the edge of metal. It smooths: noise falls by a fifth on average.

The straight volume has more rows, so that nothing of the patient is cut off. What no slice covers,
and what lies outside of the scanner's field of view, has one value below air, by which measuring
knows that a structure is cut there. Masks and label maps are on the grid of this volume, not of the
tilted slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from segment_actor.volume import Affine, HuArray, Shape

OUTSIDE_HU: Final = -2000
"""No air is as dark, and some scanners write it around their field of view. Air would do only where
the padding is alike in all slices (stats/label_map/field_of_view.py)."""


@dataclass(frozen=True, slots=True)
class Tilt:
    """How far the slices of a tilted gantry are shifted.

    Attributes:
        rows_a_slice: from one slice to the next, along the columns.
        degrees: between the way of the table and the normal of the slices.
    """

    rows_a_slice: float
    degrees: float

    def rows_before(self, slices: int) -> float:
        """Rows that the straight volume begins before the first slice."""
        return max(0.0, -self.rows_a_slice * (slices - 1))

    def straight_shape(self, shape: Shape) -> Shape:
        """(columns, rows, slices) of the straight volume."""
        columns, rows, slices = shape
        return columns, rows + math.ceil(abs(self.rows_a_slice) * (slices - 1)), slices

    def straight_affine(self, affine: Affine, slices: int) -> Affine:
        """The affine of the straight volume.

        Args:
            affine: of the array hu[column, row, slice] of the slices as they are.
            slices: their number.
        """
        straight = affine.copy()
        straight[:3, 3] -= self.rows_before(slices) * affine[:3, 1]
        return straight

    def shifted(self, image: HuArray, k: int, shape: Shape) -> HuArray:
        """A slice at its place in the straight volume.

        Args:
            image: (rows, columns), slice `k`.
            k: number of the slice.
            shape: (columns, rows, slices) of the straight volume.

        Returns:
            (rows, columns) of the straight volume.
        """
        rows = image.shape[0]
        shift = self.rows_before(shape[2]) + self.rows_a_slice * k
        begin = round(shift)
        at = np.clip(
            np.arange(rows) + begin - shift, 0, rows - 1
        )  # half a row at an end is its own
        low = np.minimum(at.astype(int), rows - 2)
        part = (at - low).astype(np.float32)[:, None]
        straight = np.full((shape[1], shape[0]), OUTSIDE_HU, np.int16)
        straight[begin : begin + rows] = np.rint(image[low] * (1 - part) + image[low + 1] * part)
        return straight


NO_TILT = Tilt(0.0, 0.0)
