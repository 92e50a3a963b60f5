"""NIfTI files by nibabel, which shares with our reader the names of the header's fields alone."""

from __future__ import annotations

import gzip
import io
import logging
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

_MM_OF_UNIT = {1: 1e3, 3: 1e-3}
"""Of a length in metres (1) and micrometres (3), which nibabel leaves to its caller; else 1."""

nib.imageglobals.logger.setLevel(logging.CRITICAL)  # it tells of every repair


def read(data: bytes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(I, J, K) values and (4, 4) affine in mm."""
    stream: Any = io.BytesIO(data)
    if data[:2] == b"\x1f\x8b":
        stream = gzip.GzipFile(fileobj=stream)
    size = stream.read(4)
    stream.seek(0)
    second = 540 in (int.from_bytes(size, "little"), int.from_bytes(size, "big"))
    image = (nib.Nifti2Image if second else nib.Nifti1Image).from_stream(stream)
    values = image.get_fdata(dtype=np.float64)
    affine = image.affine.copy()
    affine[:3] *= _MM_OF_UNIT.get(int(image.header["xyzt_units"]) % 8, 1.0)
    return values.reshape(values.shape[:3]), affine
