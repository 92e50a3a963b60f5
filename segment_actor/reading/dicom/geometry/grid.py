"""The order of the slices and the affine of their volume, from the headers alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import SHEAR_TOLERANCE, check_shape, check_spacing
from segment_actor.reading.dicom.geometry.line import ROUNDING_MM, check_regular, fitted_line
from segment_actor.reading.dicom.geometry.tilt import NO_TILT, Tilt
from segment_actor.reading.dicom.image import Image
from segment_actor.volume import Affine

OUT_OF_LINE_MM = 2 * math.sqrt(3) * ROUNDING_MM
"""How far two places differ at most because each of their coordinates is rounded to 0.1 mm."""

LARGEST_TILT_DEG = 45.0
"""Gantries tilt by 30 degrees at most; a resampled stack may lie at any angle."""

SAME_TILT_DEG = 1.0
"""The places of slices give the tilt to a tenth of a degree, scanners write it in halves."""

LARGEST_POSITION_MM = 1e5
"""100 m from the origin. Farther lies no patient, only a damaged header."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the images of a series make a volume.

    Attributes:
        order: number of the image that is the first slice, the second, and so on.
        affine: of the array hu[column, row, slice] of these slices as they are: voxel index to RAS
            millimetres (DICOM PS3.3 C.7.6.2.1.1 for the images, their normal for the third axis).
        tilt: how far each slice is shifted against the one before.
    """

    order: tuple[int, ...]
    affine: Affine
    tilt: Tilt


def arrange(images: Sequence[Image]) -> Arrangement:
    """Sorts images of one size and orientation along their normal.

    Raises:
        SeriesError: BAD_AFFINE for a damaged orientation or a shift that no gantry makes,
            MISSING_SLICE for a gap, SEVERAL_SERIES for two images at one place, BAD_SPACING,
            TOO_FEW_SLICES.
    """
    first = images[0]
    check_shape((first.columns, first.rows, len(images)))
    check_spacing(np.array(first.spacing_mm))
    axes = np.reshape(first.orientation, (2, 3))
    positions_mm = np.array([one.position_mm for one in images])
    _check_header(axes, positions_mm)
    normal = np.cross(axes[0], axes[1])
    order = np.argsort(positions_mm @ normal, kind="stable")
    positions_mm = positions_mm[order]
    check_regular(positions_mm @ normal, ROUNDING_MM * float(np.abs(normal).sum()))
    place_mm, step_mm = fitted_line(positions_mm)
    tilt = _tilt(positions_mm, place_mm, step_mm, np.vstack([axes, normal]), first.spacing_mm[0])
    affine = np.eye(4)
    affine[:3, 0] = axes[0] * first.spacing_mm[1]
    affine[:3, 1] = axes[1] * first.spacing_mm[0]
    affine[:3, 2] = normal * (step_mm @ normal)
    affine[:3, 3] = place_mm
    return Arrangement(tuple(order.tolist()), LPS_TO_RAS @ affine, tilt)


def check_tilt(tilt: Tilt, said_deg: float | None) -> None:
    """Refuses a tilt that the header's Gantry/Detector Tilt denies. SeriesError: BAD_AFFINE.

    Args:
        tilt: by the places of the slices.
        said_deg: by the header; None where it is silent.
    """
    if (
        tilt != NO_TILT
        and said_deg is not None
        and abs(abs(said_deg) - tilt.degrees) > SAME_TILT_DEG
    ):
        raise SeriesError(
            FailureCode.BAD_AFFINE,
            f"By their places the slices are tilted by {tilt.degrees:.1f} degrees, by the header "
            f"the gantry was tilted by {abs(said_deg):.1f}. Export the original CT series.",
        )


def _check_header(axes: npt.NDArray[np.float64], positions_mm: npt.NDArray[np.float64]) -> None:
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


def _tilt(
    positions_mm: npt.NDArray[np.float64],
    place_mm: npt.NDArray[np.float64],
    step_mm: npt.NDArray[np.float64],
    axes: npt.NDArray[np.float64],
    row_mm: float,
) -> Tilt:
    """How the slices are shifted against each other.

    Args:
        positions_mm: (n, 3), in order.
        place_mm: (3,) of the first slice, on the line through all.
        step_mm: (3,) along that line to the next slice.
        axes: (3, 3) directions along a row, along a column, and of the normal.
        row_mm: distance of rows.
    """
    last = len(positions_mm) - 1
    along_row_mm, along_column_mm, height_mm = axes @ step_mm * last
    off_line_mm = positions_mm - place_mm - np.outer(np.arange(last + 1), step_mm)
    across_mm = float(np.abs(off_line_mm @ axes[:2].T).max())
    straight_mm = max(OUT_OF_LINE_MM, SHEAR_TOLERANCE * height_mm)
    degrees = float(np.degrees(np.arctan2(abs(along_column_mm), height_mm)))
    if max(across_mm, abs(along_row_mm)) > straight_mm or degrees > LARGEST_TILT_DEG:
        raise SeriesError(
            FailureCode.BAD_AFFINE,
            "The slices are shifted against each other, and not as by the tilt of a gantry. "
            "Export the original CT series.",
        )
    if abs(along_column_mm) <= straight_mm:
        return NO_TILT
    return Tilt(along_column_mm / last / row_mm, degrees)
