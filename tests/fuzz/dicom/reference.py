"""DICOM series image by image: what stands in each file, without any judgement.

SimpleITK reads them; where it is not installed, or gives up, pydicom's own pixels and elements do.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom

from segment_actor.volume import Affine

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Image:
    """One image: its UID, values (rows, columns), and where it lies, LPS."""

    uid: str
    values: Numbers
    position_mm: Numbers
    along_row: Numbers
    along_column: Numbers
    spacing_mm: tuple[float, float]  # of rows, of columns


def read(files: Mapping[str, bytes]) -> tuple[Numbers, Affine]:
    """(I, J, K) HU and (4, 4) RAS affine of all images among the files, each UID once.

    Files without the DICOM prefix are no images here; the caller knows whether they should be.
    """
    found = [_image(data) for data in files.values() if data[128:132] == b"DICM"]
    images = list({image.uid: image for image in found}.values())
    normal = np.cross(images[0].along_row, images[0].along_column)
    images.sort(key=lambda image: float(image.position_mm @ normal))
    first, last = images[0], images[-1]
    affine = np.eye(4)
    affine[:3, 0] = first.along_row * first.spacing_mm[1]
    affine[:3, 1] = first.along_column * first.spacing_mm[0]
    affine[:3, 2] = (last.position_mm - first.position_mm) / (len(images) - 1)
    affine[:3, 3] = first.position_mm
    hu = np.clip(np.rint([image.values for image in images]), -32768, 32767)
    return hu.T, LPS_TO_RAS @ affine


def _image(data: bytes) -> Image:
    try:
        return _by_simpleitk(data)
    except (ImportError, RuntimeError):
        return _by_pydicom(data)


def _by_simpleitk(data: bytes) -> Image:
    import SimpleITK  # noqa: PLC0415  # for whoever has it: it is no dependency of ours

    process: Any = SimpleITK.ProcessObject
    process.SetGlobalWarningDisplay(False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image.dcm")
        path.write_bytes(data)
        image: Any = SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO")
    directions = np.reshape(image.GetDirection(), (3, 3))
    row_mm, column_mm = map(
        float, image.GetMetaData("0028|0030").split("\\")
    )  # GDCM's: by SOP class
    (values,) = SimpleITK.GetArrayFromImage(image)
    return Image(
        image.GetMetaData("0008|0018").strip(" \0"),
        values,
        np.array(image.GetOrigin()),
        directions[:, 0],
        directions[:, 1],
        (row_mm, column_mm),
    )


def _by_pydicom(data: bytes) -> Image:
    header = pydicom.dcmread(io.BytesIO(data))
    values = header.pixel_array * float(header.RescaleSlope) + float(header.RescaleIntercept)
    axes = np.reshape(np.array(header.ImageOrientationPatient, float), (2, 3))
    position_mm = np.array(header.ImagePositionPatient, float)
    row_mm, column_mm = map(float, header.PixelSpacing)
    uid = str(header.SOPInstanceUID)
    return Image(uid, values, position_mm, axes[0], axes[1], (row_mm, column_mm))
