"""The pixels outside the scanner's field of view: Pixel Padding Value (PS3.3 C.7.5.1.1.2).

The tag is not simply believed. Programs that write the pixels anew, as HU without an intercept,
often leave it as it was: then 0, once a value below air, is water.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from scipy import ndimage

from segment_actor.reading.dicom.file.header import first_number
from segment_actor.reading.hounsfield import AIR_HU

LARGEST_HU = 30_710
"""The top of the extended CT scale, ten times the ordinary 3071. Above it lies no measurement."""

SMALLEST_SHARE = 0.01
"""Of the image. The corners outside the circle of the field of view are 21 %; voxels of one value
inside a patient hang together in a few only, because of the noise."""


@dataclass(frozen=True, slots=True)
class Padding:
    """The stored values that the header calls padding.

    Attributes:
        low: the lowest.
        high: the highest; below `low` where there is no padding.
    """

    low: int
    high: int

    def covers(self, stored: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """(rows, columns) pixels with such a value."""
        covered: npt.NDArray[np.bool_] = (stored >= self.low) & (stored <= self.high)
        return covered

    def outside(
        self, padded: npt.NDArray[np.bool_], slope: float, intercept: float
    ) -> npt.NDArray[np.bool_]:
        """The padded pixels that are outside the field of view.

        All of them where no tissue can have such values. A single value that tissue can have counts
        where its pixels join a corner of the image in a large piece; a range of them never does.

        Args:
            padded: (rows, columns) pixels with a padding value.
            slope: of the way to HU.
            intercept: likewise.
        """
        if not padded.any():
            return padded
        low_hu, high_hu = self.low * slope + intercept, self.high * slope + intercept
        if high_hu <= AIR_HU or low_hu > LARGEST_HU:
            return padded
        if self.low < self.high:
            return np.zeros_like(padded)
        return _joined_to_corners(padded)


NO_PADDING = Padding(0, -1)


def padding_of(header: Dataset, dtype: np.dtype[np.integer]) -> Padding:
    """What the header says, in values of the stored pixels."""
    value = first_number(header, "PixelPaddingValue")
    if value is None:
        return NO_PADDING
    limit = first_number(header, "PixelPaddingRangeLimit")
    ends = sorted(_as_stored(end, dtype) for end in (value, value if limit is None else limit))
    return Padding(*ends)


def _as_stored(value: float, dtype: np.dtype[np.integer]) -> int:
    """Scanners write -2000 also as 63536, its 16 bits read without a sign, and the reverse."""
    info, number = np.iinfo(dtype), int(value)
    if info.min <= number <= info.max or not -(2**15) <= number < 2**16 or info.bits != 16:
        return number
    return number - 2**16 if number > info.max else number + 2**16


def _joined_to_corners(padded: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    pieces, _ = ndimage.label(padded)
    at_corners = np.unique(pieces[[0, 0, -1, -1], [0, -1, 0, -1]])
    sizes = np.bincount(pieces.ravel())
    large = [n for n in at_corners if n and sizes[n] >= SMALLEST_SHARE * padded.size]
    joined: npt.NDArray[np.bool_] = np.isin(pieces, large)
    return joined
