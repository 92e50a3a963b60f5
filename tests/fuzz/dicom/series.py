"""Whole DICOM series in every encoding, as files: what `damage` damages."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import gdcm
import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tests.support.ct_files import dicom, dicom_slices

SHAPE = (16, 14, 6)
"""Columns, rows, slices."""

ENCODINGS = ("explicit", "implicit", "big", "deflated", "rle", "jpeg", "jpeg_ls", "jpeg_2000")

_BY_PYDICOM = {
    "implicit": ImplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
_BY_GDCM = {
    "jpeg": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    "jpeg_ls": gdcm.TransferSyntax.JPEGLSLossless,
    "jpeg_2000": gdcm.TransferSyntax.JPEG2000Lossless,
}


@cache
def whole_series(encoding: str, number: int) -> dict[str, bytes]:
    """A good series: content by file name. Odd numbers are signed, with padding as GE writes it."""
    values = np.random.default_rng(number).integers(-1000, 1500, SHAPE).astype(np.int16)
    slices = dicom_slices(values, (0.8, 0.7, 0.625))
    for k, one in enumerate(slices):
        one.InstanceNumber, one.FrameOfReferenceUID = k + 1, "1.2.826.0.1.3680043.10.1234.3"
        one.StudyDate, one.StudyTime = "20260101", "120000"  # or GDCM takes the clock's
        if number % 2:
            _sign(one)
    return {f"IM{k:04}": _encoded(one, encoding) for k, one in enumerate(slices)}


def _sign(one: Dataset) -> None:
    stored = one.pixel_array.astype("<i2")
    stored[:3, :3] = -2000
    one.PixelData, one.PixelRepresentation = stored.tobytes(), 1
    one.add_new("PixelPaddingValue", "SS", -2000)


def _encoded(one: Dataset, encoding: str) -> bytes:
    if encoding in _BY_PYDICOM:
        one.file_meta.TransferSyntaxUID = _BY_PYDICOM[encoding]
    if encoding == "big":
        one.PixelData = np.frombuffer(one.PixelData, "<u2").astype(">u2").tobytes()
    if encoding == "rle":
        one.compress(RLELossless, generate_instance_uid=False)
    data = dicom(one)
    return _by_gdcm(data, encoding) if encoding in _BY_GDCM else data


def _by_gdcm(data: bytes, encoding: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before"), Path(folder, "after")
        before.write_bytes(data)
        reader, change, writer = (
            gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        )  # fmt: skip
        reader.SetFileName(str(before))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(_BY_GDCM[encoding]))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(after))
        assert writer.Write()
        return after.read_bytes()
