"""The pixels of one DICOM image in Hounsfield units."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.header import (
    PYDICOM_ERRORS,
    first_number,
    first_text,
    open_dicom,
    quiet_pydicom,
)
from segment_actor.reading.hounsfield import AIR_HU, to_hu
from segment_actor.volume import HuArray

RESCALE_TYPES = (None, "HU", "US")
"""Rescale Type (PS3.3 C.11.1.1.2) of an ordinary CT; US means unspecified. The others are not HU:
electron density, effective atomic number, iodine maps, HU_MOD."""


def decode_hu(file: bytes) -> HuArray:
    """(rows, columns) of one image; pixels outside the field of view become air.

    Raises:
        SeriesError: TRUNCATED_FILE, UNREADABLE_FILE, NOT_HOUNSFIELD.
    """
    header = open_dicom(file, pixels=True)
    if header is None or "PixelData" not in header:
        raise _cut_off()
    stored = _stored(header)
    slope, intercept = (
        first_number(header, "RescaleSlope") or 0.0,
        first_number(header, "RescaleIntercept"),
    )
    if slope <= 0 or intercept is None or first_text(header, "RescaleType") not in RESCALE_TYPES:
        raise SeriesError(
            FailureCode.NOT_HOUNSFIELD,
            "An image does not say how its pixel values become Hounsfield units. "
            "Export the original CT series.",
        )
    hu = to_hu(stored, slope, intercept)
    return np.where(_outside(stored, header), np.int16(AIR_HU), hu)


def _stored(header: Dataset) -> npt.NDArray[Any]:
    try:
        with quiet_pydicom():
            return header.pixel_array
    except (NotImplementedError, RuntimeError):  # no decoder, or the decoder gave up
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "An image is damaged, or compressed in a way that is not known here. "
            "Export the series again, uncompressed.",
        ) from None
    except PYDICOM_ERRORS:
        raise _cut_off() from None


def _outside(stored: npt.NDArray[Any], header: Dataset) -> npt.NDArray[np.bool_]:
    """Where the scanner measured nothing: Pixel Padding Value, or the range up to its limit."""
    value = first_number(header, "PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, np.bool_)
    limit = first_number(header, "PixelPaddingRangeLimit")
    ends = np.array([value, value if limit is None else limit])
    # Scanners write -2000 also as 63536, its 16 bits read without a sign.
    low, high = np.sort(ends.astype(np.int64).astype(stored.dtype))
    outside: npt.NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return outside


def _cut_off() -> SeriesError:
    return SeriesError(
        FailureCode.TRUNCATED_FILE, "An image is cut off or damaged. Export the series again."
    )
