"""Whole DICOM series in every encoding, as files: what `damage` damages."""

from __future__ import annotations

from functools import cache

import numpy as np
from pydicom.dataset import Dataset

from tests.support.ct_files import SERIES_UID, dicom_slices
from tests.support.encodings import ENCODINGS, encoded

SHAPE = (16, 14, 6)
"""Columns, rows, slices."""


@cache
def whole_series(encoding: str, number: int) -> dict[str, bytes]:
    """A good series: content by file name. Odd numbers are signed, with padding as GE writes it."""
    values = np.random.default_rng(number).integers(-1000, 1500, SHAPE).astype(np.int16)
    slices = dicom_slices(values, (0.8, 0.7, 0.625))
    for k, one in enumerate(slices):
        one.SeriesInstanceUID = f"{SERIES_UID}.{ENCODINGS.index(encoding)}.{number}"
        one.SOPInstanceUID = f"{one.SeriesInstanceUID}.{k + 1}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.InstanceNumber, one.FrameOfReferenceUID = k + 1, "1.2.826.0.1.3680043.10.1234.3"
        one.StudyDate, one.StudyTime = "20260101", "120000"  # or GDCM takes the clock's
        if number % 2:
            _sign(one)
    return {f"IM{k:04}": encoded(one, encoding) for k, one in enumerate(slices)}


def _sign(one: Dataset) -> None:
    stored = one.pixel_array.astype("<i2")
    stored[:3, :3] = -2000
    one.PixelData, one.PixelRepresentation = stored.tobytes(), 1
    one.add_new("PixelPaddingValue", "SS", -2000)
