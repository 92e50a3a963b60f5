"""The pixels of one DICOM image in Hounsfield units."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.file.header import (
    PYDICOM_ERRORS,
    first_number,
    first_text,
    quiet_pydicom,
)
from segment_actor.reading.dicom.pixels.codestream import check_codestream
from segment_actor.reading.dicom.pixels.padding import LARGEST_HU, padding_of
from segment_actor.reading.dicom.unit import is_hounsfield
from segment_actor.reading.hounsfield import AIR_HU, to_hu
from segment_actor.volume import HuArray

BITS_ALLOCATED = (8, 16, 32)

SMALLEST_HU = -(2**15)
"""The lowest padding that scanners write. The voxels of a CT are int16."""

OTHER_TYPES = {"OD", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT"}
"""The standard's other types: optical or electron density, iodine maps, atomic number, altered HU.
Only these are quoted; whatever else stands there is free text."""


def decode_hu(header: Dataset | None, shape: tuple[int, int], outside_hu: int = AIR_HU) -> HuArray:
    """One image; pixels outside the field of view become air, or another value.

    Args:
        header: with its pixels; None if they are damaged or cut off.
        shape: rows, columns.
        outside_hu: what pixels outside the field of view become.

    Returns:
        (rows, columns).

    Raises:
        SeriesError: TRUNCATED_FILE, UNREADABLE_FILE, NOT_HOUNSFIELD.
    """
    if header is None:
        raise _cut_off()
    bits_stored = _bits_stored(header)
    stored = _stored(header, shape)
    slope, intercept = _rescaling(header)
    padding = padding_of(header, stored.dtype)
    padded = padding.covers(stored)
    meant = _without_unused_bits(stored, padded, bits_stored)
    if meant is not stored:
        padded |= padding.covers(meant)
    outside = padding.outside(padded, slope, intercept)
    if not outside.any():  # spares two copies
        _check_scale(meant, slope, intercept)
        return to_hu(meant, slope, intercept)
    _check_scale(meant[~outside], slope, intercept)
    return np.where(outside, np.int16(outside_hu), to_hu(meant, slope, intercept))


def _bits_stored(header: Dataset) -> int:
    """Bits of a pixel value, of those allocated.

    Asked before a decoder sees the pixels: GDCM's ends the whole process where it meets 64 bits.
    """
    allocated, bits, high_bit = (
        first_number(header, keyword) for keyword in ("BitsAllocated", "BitsStored", "HighBit")
    )
    if (
        allocated not in BITS_ALLOCATED
        or bits is None
        or not 1 <= bits <= allocated
        or high_bit not in {None, bits - 1}
    ):
        raise _contradiction("contradicts itself in how its pixels are stored (Bits Stored)")
    return int(bits)


def _stored(header: Dataset, shape: tuple[int, int]) -> npt.NDArray[Any]:
    """(rows, columns) integers as they stand in the file."""
    if "PixelData" not in header:
        if "FloatPixelData" in header or "DoubleFloatPixelData" in header:
            raise _contradiction("has pixels with fractions (a computed map)")
        raise _cut_off()
    try:
        with quiet_pydicom():
            _check_byte_order(header)
            check_codestream(header, shape)
            header.pixel_array_options(correct_unused_bits=False)  # nobody would see that it had to
            stored: npt.NDArray[Any] = header.pixel_array
    except (NotImplementedError, RuntimeError):  # no decoder, or the decoder gave up
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "An image is damaged, or compressed in a way that is not known here. "
            "Export the series again, uncompressed.",
        ) from None
    except PYDICOM_ERRORS:
        raise _cut_off() from None
    if stored.shape != shape:
        raise _contradiction("holds another number of pixels than its header says")
    return stored


def _check_byte_order(header: Dataset) -> None:
    """ValueError for words that are said to be bytes, big end first: programs read either."""
    explicit_big_endian = header.original_encoding == (False, False)
    if explicit_big_endian and header["PixelData"].VR == "OB" and header.BitsAllocated > 8:
        raise ValueError("no byte order")


def _rescaling(header: Dataset) -> tuple[float, float]:
    """(slope, intercept) of the way to HU."""
    unit = (first_text(header, "RescaleType") or "").upper()
    if not is_hounsfield(unit):
        named = f"are {unit}" if unit in OTHER_TYPES else "have a unit of their own"
        raise SeriesError(
            FailureCode.NOT_HOUNSFIELD,
            f"The pixel values of an image {named} (Rescale Type), not Hounsfield units. "
            "Export the original CT series.",
        )
    slope, intercept = (
        first_number(header, "RescaleSlope"),
        first_number(header, "RescaleIntercept"),
    )
    if slope is None or slope <= 0 or intercept is None:
        raise SeriesError(
            FailureCode.NOT_HOUNSFIELD,
            "An image does not say how its pixel values become Hounsfield units (Rescale Slope "
            "and Intercept). Export the original CT series.",
        )
    return slope, intercept


def _check_scale(stored: npt.NDArray[Any], slope: float, intercept: float) -> None:
    """Refuses values that no CT has: signs read as numbers, padding that no tag tells of."""
    if not stored.size:
        return
    low, high = (int(end) * slope + intercept for end in (stored.min(), stored.max()))
    if low < SMALLEST_HU or high > LARGEST_HU:
        raise SeriesError(
            FailureCode.NOT_HOUNSFIELD,
            f"The values of an image run from {low:.4g} to {high:.4g}, and no CT scale does. "
            "Export the original CT series.",
        )


def _without_unused_bits(
    stored: npt.NDArray[Any], padded: npt.NDArray[np.bool_], bits_stored: int
) -> npt.NDArray[Any]:
    """The values by Bits Stored alone (PS3.5, 8.1.1).

    Above a negative value some programs write zeros instead of its sign, and padding may have any
    bits; another bit there means that the header is wrong, and the value with it.
    """
    unused = 8 * stored.dtype.itemsize - bits_stored
    if unused < 0:
        raise _contradiction("has pixel values of fewer bits than its header says (Bits Stored)")
    if not unused:
        return stored
    meant = (stored << unused) >> unused
    if ((meant != stored) & (stored >> bits_stored != 0) & ~padded).any():
        raise _contradiction("has pixel values of more bits than its header says (Bits Stored)")
    return meant


def _contradiction(what: str) -> SeriesError:
    return SeriesError(
        FailureCode.UNREADABLE_FILE, f"An image {what}. Export the original CT series."
    )


def _cut_off() -> SeriesError:
    return SeriesError(
        FailureCode.TRUNCATED_FILE, "An image is cut off or damaged. Export the series again."
    )
