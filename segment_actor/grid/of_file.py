"""The grid of a CT's own file: where its masks go, under which header, with which names.

A NIfTI file's masks begin with its own header, so that they open beside it in any viewer. A DICOM
series' begin with the header that dcm2niix gives it.
"""

from __future__ import annotations

import colorsys
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import nibabel as nib
import numpy as np

from segment_actor.grid.units import mm_of_unit
from segment_actor.volume import Affine, LabelArray, Shape, Volume

LABEL_TABLE = 0
"""Code of the header extension with the names: what TotalSegmentator 2.18 gives its own.

Connectome Workbench, whose XML it is, has code 30, but nibabel 5.4 cannot hand out the content of
that one, and so programs that read TotalSegmentator's files could not read ours."""

_PLACE = {
    "qform_code": ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    "sform_code": ("srow_x", "srow_y", "srow_z"),
}
"""Where the voxels lie, in two ways: the fields of each, which say nothing where its code is 0."""


@dataclass(frozen=True, slots=True)
class StoredGrid:
    """The voxel grid of a CT as it was stored.

    Attributes:
        shape: (I, J, K), axes of the file.
        affine: (4, 4), voxel index of the file to RAS, in the header's unit of length.
        header: the NIfTI header of the file, or the one it would have.
    """

    shape: Shape
    affine: Affine
    header: nib.Nifti1Header


def nifti_grid(volume: Volume, header: nib.Nifti1Header) -> StoredGrid:
    """The grid of a NIfTI file, bit by bit, and nothing else that its header says.

    Any other field may hold a patient's name or number, those without a meaning included.

    Args:
        volume: the CT as it was read, axes of its file.
        header: the file's own, of either version and byte order.
    """
    affine = volume.affine.copy()
    affine[:3] /= mm_of_unit(header)
    version_2 = isinstance(header, nib.Nifti2Header)
    version: Callable[..., nib.Nifti1Header] = nib.Nifti2Header if version_2 else nib.Nifti1Header
    geometry = version(endianness="<")
    geometry.set_data_shape(header.get_data_shape())
    geometry["pixdim"][:4] = header["pixdim"][:4]
    geometry["xyzt_units"] = header["xyzt_units"]
    for code, fields in _PLACE.items():
        if header[code] > 0:
            for name in (code, *fields):
                geometry[name] = header[name]
    return StoredGrid(volume.shape, affine, geometry)


def dicom_grid(volume: Volume) -> StoredGrid:
    """The grid that dcm2niix gives a series: the rows of the images from the bottom to the top.

    Args:
        volume: axes (column, row, slice), slices along the normal of the images.
    """
    upwards = np.diag([1.0, -1.0, 1.0, 1.0])
    upwards[1, 3] = volume.shape[1] - 1
    affine = volume.affine @ upwards
    header = nib.Nifti1Header()
    header.set_data_shape(volume.shape)
    header.set_qform(affine, code="scanner")
    header.set_sform(affine, code="scanner")
    header.set_xyzt_units("mm")
    header["magic"] = b"n+1"
    return StoredGrid(volume.shape, affine, header)


def mask_header(grid: StoredGrid, names: Mapping[int, str] | None = None) -> bytes:
    """All bytes of a NIfTI file of labels that come before its voxels.

    Args:
        grid: the grid of the CT's file.
        names: label to the structure's name, to be kept in the header; None keeps none.
    """
    header = _label_header(grid, names)
    content = io.BytesIO()
    header.write_to(content)
    return content.getvalue()


def label_image(
    grid: StoredGrid, labels: LabelArray, names: Mapping[int, str] | None = None
) -> nib.Nifti1Image:
    """A label map as an image, with what `mask_header` would put before it.

    Args:
        grid: the grid of the CT's file.
        labels: (I, J, K) uint8 on that grid.
        names: label to the structure's name, to be kept in the header; None keeps none.
    """
    header = _label_header(grid, names)
    version_2 = isinstance(header, nib.Nifti2Header)
    image: Callable[..., nib.Nifti1Image] = nib.Nifti2Image if version_2 else nib.Nifti1Image
    # a CT stored as (I, J, K, 1) gets such labels
    return image(labels.reshape(header.get_data_shape(), order="F"), grid.affine, header)


def _label_header(grid: StoredGrid, names: Mapping[int, str] | None) -> nib.Nifti1Header:
    header: nib.Nifti1Header = grid.header.copy()
    header.extensions.clear()
    if names:
        header.extensions.append(nib.nifti1.Nifti1Extension(LABEL_TABLE, _label_table(names)))
    header.set_data_dtype(np.uint8)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0  # the CT's window would hide the labels
    header.set_intent("label")
    header["vox_offset"] = 0  # nibabel sets it, after the extensions
    return header


def label_colour(label: int) -> tuple[float, float, float]:
    """Red, green and blue in 0..1 that differ between neighbours: hues in golden-ratio steps."""
    hue, saturation = (label * 0.618034) % 1.0, 0.55 + 0.35 * (label % 3) / 2
    return colorsys.hsv_to_rgb(hue, saturation, 0.95 - 0.2 * (label % 2))


def _label_table(names: Mapping[int, str]) -> bytes:
    """The names as XML of Connectome Workbench."""
    labels = "\n".join(_label(label, name) for label, name in names.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<CaretExtension><VolumeInformation Index="0"><LabelTable>\n{labels}\n</LabelTable>'
        "<VolumeType><![CDATA[Label]]></VolumeType></VolumeInformation></CaretExtension>\n"
    ).encode()


def _label(label: int, name: str) -> str:
    red, green, blue = label_colour(label)
    colour = f'Red="{red:.3f}" Green="{green:.3f}" Blue="{blue:.3f}" Alpha="1"'
    return f'<Label Key="{label}" {colour}><![CDATA[{name}]]></Label>'
