"""A CT of a tilted gantry made straight: its slices are shifted back, line by line.

The slices are parallel and lie at even distances, but each begins a little farther along its
columns than the one before, because the table moves at an angle to them. Shifted back, they stand
upright upon each other: the angle stays, as in any oblique CT, and the volume is sheared no more.
Nothing else has to be resampled. Between two rows the values are interpolated linearly, as dcm2niix
does: no value is new, not even at the edge of metal. It smooths: noise falls by a fifth on average.

The straight volume has more rows, so that nothing of the patient is cut off; what no slice covers
is air. Masks and label maps are on the grid of this volume, not of the tilted slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segment_actor.reading.hounsfield import AIR_HU
from segment_actor.volume import Affine, HuArray, Shape


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
        whole = min(math.floor(shift), shape[1] - rows)
        part = np.float32(shift - whole)
        padded = np.full((rows + 2, image.shape[1]), AIR_HU, np.float32)
        padded[1:-1] = image
        between = padded[1:] * (1 - part) + padded[:-1] * part
        straight = np.full((shape[1], shape[0]), AIR_HU, np.int16)
        straight[whole : whole + rows + 1] = np.rint(between)[: shape[1] - whole]
        return straight


NO_TILT = Tilt(0.0, 0.0)
