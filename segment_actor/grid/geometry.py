"""The voxel grid: which grids can be measured, and the way to RAS and back."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from nibabel import orientations

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.volume import Affine, LabelArray, Shape, Volume

MIN_VOXELS_AN_AXIS = 4
"""A cubic spline has a support of 4 samples; on fewer, resampling would invent the image."""

MAX_VOXELS = 2**30
"""2 GiB of int16: 512x512x4096, twice the longest whole-body CT. More is a damaged header."""

SMALLEST_SPACING_MM, LARGEST_SPACING_MM = 0.05, 50.0
"""Dental and temporal bone CTs have voxels of 0.075 mm and more, micro-CTs of animals and specimens
less; beyond 50 mm the header is in another unit."""

LARGEST_EXTENT_MM, LARGEST_FIELD_MM = 3000.0, 1000.0
"""Of the longest axis, and of the two others. A CT's table travels 2 m, and the largest field of
view is 0.8 m."""

SMALLEST_EXTENT_MM, SMALL_CROP_VOXELS = 30.0, 100
"""An image with that many voxels along an axis is a whole field of view, no crop around a finding,
and the smallest of those, of dental CTs, is 40 mm wide. An animal, or a header that is wrong by a
factor of 30, is less: an adult of 10 mm."""

LARGEST_OFFSET_MM = 1e5
"""From the origin to the first voxel. Scanners count from their own centre, up to some metres; at
this distance float32, which NIfTI has, still tells 0.01 mm."""

SHEAR_TOLERANCE = 1e-3
"""Cosine between two axes. At 0.001 the far edge of a 500 mm field of view is off by 0.5 mm, less
than a voxel; headers rounded to 4 digits stay below it, a gantry tilt of 0.1 degree is above."""

RAS = np.array([[0, 1], [1, 1], [2, 1]])
"""nibabel's orientation array of a canonical volume: each axis in place, none flipped."""


_Voxels = TypeVar("_Voxels", np.int16, np.uint8)


def check_grid(shape: Shape, affine: Affine) -> None:
    """Refuses a voxel grid on which nothing can be measured.

    Args:
        shape: (I, J, K).
        affine: (4, 4), voxel index to RAS millimetres.

    Raises:
        SeriesError: BAD_AFFINE, BAD_SPACING, TOO_FEW_SLICES or TOO_LARGE.
    """
    check_shape(shape)
    check_orientation(affine)
    check_spacing(spacing_of(affine))
    check_extent(shape, affine)
    check_place(affine)


def check_shape(shape: Shape) -> None:
    """Refuses an image too small or too large. SeriesError: TOO_FEW_SLICES, TOO_LARGE."""
    if min(shape) < MIN_VOXELS_AN_AXIS:
        raise SeriesError(
            FailureCode.TOO_FEW_SLICES,
            f"Along one axis the image has only {min(shape)} of the {MIN_VOXELS_AN_AXIS} slices "
            "that are needed at least. Export the whole series.",
        )
    if math.prod(shape) > MAX_VOXELS:
        raise SeriesError(
            FailureCode.TOO_LARGE,
            f"The image claims {shape[0]} x {shape[1]} x {shape[2]} voxels, more than any CT has. "
            "Export the series again, or split it.",
        )


def spacing_of(affine: Affine) -> npt.NDArray[np.float64]:
    """(3,) distances of neighbouring voxels along I, J and K, in mm."""
    spacing_mm: npt.NDArray[np.float64] = np.linalg.norm(affine[:3, :3], axis=0)
    return spacing_mm


def check_spacing(spacing_mm: npt.NDArray[np.float64]) -> None:
    """Refuses a voxel size that no CT has. SeriesError: BAD_SPACING."""
    fits = (spacing_mm >= SMALLEST_SPACING_MM) & (spacing_mm <= LARGEST_SPACING_MM)
    if not fits.all():
        given = " x ".join(f"{mm:.4g}" for mm in spacing_mm)
        raise SeriesError(
            FailureCode.BAD_SPACING,
            f"The header gives a voxel size of {given} mm, which no CT has. "
            "Convert the series from DICOM again.",
        )


def check_extent(shape: Shape, affine: Affine) -> None:
    """Refuses an image larger or smaller than a patient's. SeriesError: BAD_SPACING."""
    extent_mm = np.array(shape) * spacing_of(affine)
    _, second_mm, longest_mm = np.sort(extent_mm)
    too_large = longest_mm > LARGEST_EXTENT_MM or second_mm > LARGEST_FIELD_MM
    too_small = longest_mm < SMALLEST_EXTENT_MM and max(shape) >= SMALL_CROP_VOXELS
    if not (too_large or too_small):
        return
    i, j, k = (f"{mm:.0f}" if mm >= 100 else f"{mm:.3g}" for mm in extent_mm)
    raise SeriesError(
        FailureCode.BAD_SPACING,
        f"By its header the image is {i} x {j} x {k} mm large, which no CT of a patient is. "
        "Convert the series from DICOM again.",
    )


def check_place(affine: Affine) -> None:
    """Refuses an image that lies outside of every room. SeriesError: BAD_AFFINE."""
    if np.abs(affine[:3, 3]).max() > LARGEST_OFFSET_MM:
        raise SeriesError(
            FailureCode.BAD_AFFINE,
            "By its header the image lies more than 100 m away from its scanner. "
            "Convert the series from DICOM again.",
        )


def check_orientation(affine: Affine) -> None:
    """Refuses an affine that is not a rotation with a spacing. SeriesError: BAD_AFFINE."""
    with np.errstate(all="ignore"):  # NaN, infinity and zero spacing end up as NaN, refused below
        directions = affine[:3, :3] / spacing_of(affine)
        cosines = np.abs(directions.T @ directions - np.eye(3)).max()
    if cosines <= SHEAR_TOLERANCE and np.isfinite(affine).all():
        return
    sheared = cosines < 1 - SHEAR_TOLERANCE and np.isfinite(affine).all()
    raise SeriesError(
        FailureCode.BAD_AFFINE,
        "The header's orientation is sheared; the axes of a CT stand at right angles. Undo the "
        "tilt of the gantry and convert the series from DICOM again."
        if sheared
        else "The header's orientation is singular: it does not span three directions. "
        "Convert the series from DICOM again.",
    )


def to_canonical(volume: Volume) -> Volume:
    """The same voxels with axes in RAS order: I to the right, J to the front, K to the head.

    Each axis becomes the nearest patient axis; an oblique image stays oblique, nothing is
    resampled. The axes' order in memory stays what it was (I fastest in a NIfTI file), in one piece
    and all forwards: a copy where an axis has to turn, 4 times as fast as one against the grain.
    """
    orientation = orientations.io_orientation(volume.affine)
    hu = _forwards(orientations.apply_orientation(volume.hu, orientation))
    exact = volume.exact_hu
    if exact is not None:
        exact = _forwards(orientations.apply_orientation(exact, orientation))
    return Volume(hu, volume.affine @ orientations.inv_ornt_aff(orientation, volume.shape), exact)


def from_canonical(labels: LabelArray, affine: Affine) -> LabelArray:
    """Labels of a canonical volume, back on the axes of the volume as it was read.

    Args:
        labels: (I, J, K) uint8 on the grid of `to_canonical(volume)`.
        affine: `volume.affine`, from before `to_canonical`.
    """
    way_back = orientations.ornt_transform(RAS, orientations.io_orientation(affine))
    return _forwards(orientations.apply_orientation(labels, way_back))


def _forwards(voxels: npt.NDArray[_Voxels]) -> npt.NDArray[_Voxels]:
    """The same array in one piece of memory, no stride negative, the order of its axes kept."""
    from_slowest = np.argsort([-abs(stride) for stride in voxels.strides], kind="stable")
    if voxels.transpose(from_slowest).flags.c_contiguous:
        return voxels
    return voxels.copy(order="K")
