"""The order of the slices and the affine of their volume, from the headers alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import (
    SHEAR_TOLERANCE,
    SMALLEST_SPACING_MM,
    check_shape,
    check_spacing,
)
from segment_actor.reading.dicom.series import Slice
from segment_actor.volume import Affine

ROUNDING_MM = 0.1
"""How much a difference of two coordinates is off where each is rounded to 0.1 mm."""

IRREGULAR = 0.1
"""Fraction of the mean slice distance that a gap may be off without any rounding."""

LARGEST_IRREGULAR = 0.3
"""Not even rounding may bring a gap further off. Where every second slice is missing in a part of
the series, mean and gap differ by a third of the mean, and by more where fewer are missing."""

OUT_OF_PLACE = 0.5
"""Fraction of the slice distance that a slice may lie off its place in a regular stack. Two stacks
of different distances put together have small gaps and large deviations."""

LARGEST_POSITION_MM = 1e5
"""100 m from the origin. Farther lies no patient, only a damaged header."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def arrange_slices(slices: Sequence[Slice]) -> tuple[list[Slice], Affine]:
    """Sorts the slices along the normal of the images.

    Returns:
        The slices in that order, and the affine of the array hu[column, row, slice]: voxel index
        to RAS millimetres (DICOM PS3.3 C.7.6.2.1.1 for the images, the normal for the third axis).

    Raises:
        SeriesError: BAD_AFFINE for a tilted gantry or a damaged orientation, MISSING_SLICE for a
            gap, SEVERAL_SERIES for two images at one place, BAD_SPACING, TOO_FEW_SLICES.
    """
    first = slices[0].image
    check_shape((first.columns, first.rows, len(slices)))
    check_spacing(np.array(first.spacing_mm))
    axes = np.reshape(first.orientation, (2, 3))
    positions_mm = np.array([one.image.position_mm for one in slices])
    if not np.allclose(axes @ axes.T, np.eye(2), atol=SHEAR_TOLERANCE):
        raise SeriesError(
            FailureCode.BAD_AFFINE,
            "The orientation in the header is damaged (rows and columns are not at right angles). "
            "Export the series again.",
        )
    if np.abs(positions_mm).max() > LARGEST_POSITION_MM:
        raise SeriesError(
            FailureCode.BAD_AFFINE,
            "The header puts an image farther away than any scanner reaches; it is damaged. "
            "Export the series again.",
        )
    normal = np.cross(axes[0], axes[1])
    order = np.argsort(positions_mm @ normal, kind="stable")
    positions_mm = positions_mm[order]
    _check_straight(positions_mm - positions_mm[0], normal)
    step_mm = _regular_step(positions_mm @ normal, ROUNDING_MM * np.abs(normal).sum())
    affine = np.eye(4)
    affine[:3, 0] = axes[0] * first.spacing_mm[1]
    affine[:3, 1] = axes[1] * first.spacing_mm[0]
    affine[:3, 2] = normal * step_mm
    affine[:3, 3] = positions_mm[0]
    return [slices[n] for n in order], LPS_TO_RAS @ affine


def _check_straight(offsets_mm: npt.NDArray[np.float64], normal: npt.NDArray[np.float64]) -> None:
    """Refuses slices that are shifted against each other: the volume would be sheared."""
    heights_mm = offsets_mm @ normal
    shift_mm = np.linalg.norm(offsets_mm - np.outer(heights_mm, normal), axis=1).max()
    if shift_mm > max(math.sqrt(3) * ROUNDING_MM, SHEAR_TOLERANCE * heights_mm[-1]):
        degrees = np.degrees(np.arctan2(shift_mm, heights_mm[-1]))
        raise SeriesError(
            FailureCode.BAD_AFFINE,
            f"The slices are shifted against each other, as with a gantry tilted by {degrees:.1f} "
            "degrees. Export a reconstruction without tilt.",
        )


def _regular_step(heights_mm: npt.NDArray[np.float64], rounding_mm: float) -> float:
    """The distance of neighbouring slices.

    Args:
        heights_mm: their sorted places along the normal.
        rounding_mm: how much a gap may be off because coordinates are rounded.
    """
    gaps_mm = np.diff(heights_mm)
    step_mm = float(gaps_mm.mean())
    if gaps_mm.min() < SMALLEST_SPACING_MM:
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            "Two images lie at the same place: several phases, or a copy of an image. "
            "Put each phase into its own folder.",
        )
    allowed_mm = min(max(IRREGULAR * step_mm, rounding_mm), LARGEST_IRREGULAR * step_mm)
    places_mm = heights_mm[0] + step_mm * np.arange(len(heights_mm))
    if (
        np.abs(gaps_mm - step_mm).max() > allowed_mm
        or np.abs(heights_mm - places_mm).max() > OUT_OF_PLACE * step_mm
    ):
        raise SeriesError(
            FailureCode.MISSING_SLICE,
            "A slice is missing, or the distance of slices changes: it is mostly "
            f"{np.median(gaps_mm):.2f} mm, but {gaps_mm.min():.2f} to {gaps_mm.max():.2f} mm "
            "occur. Export the whole series again.",
        )
    return step_mm
