"""One image as a file in each transfer syntax that can be written here."""

from __future__ import annotations

import tempfile
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

from tests.support.ct_files import dicom

ENCODINGS = ("explicit", "implicit", "big", "deflated", "rle", "jpeg", "jpeg_ls", "jpeg_2000")
"""All of them keep every value."""

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


def encoded(one: Dataset, encoding: str) -> bytes:
    """The file of an image whose pixels are 16 bits little endian; its header is changed."""
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
