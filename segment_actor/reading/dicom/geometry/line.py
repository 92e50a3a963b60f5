"""The regular grid that the places of slices are measured against, and how far they may lie off it.

A gap of 0.7 mm among gaps of 0.6 mm may be rounding or another distance. Which it is shows over the
whole series: rounding never brings a slice far from its place, other distances add up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import SMALLEST_SPACING_MM

ROUNDING_MM = 0.05
"""How far a coordinate that was rounded to 0.1 mm lies from where it was."""

IRREGULAR = 0.1
"""Fraction of the mean slice distance that a gap may be off."""

OUT_OF_PLACE = 0.5
"""Fraction of the slice distance that a slice may lie off its place in a regular stack. Two stacks
of different distances put together have small gaps and large deviations."""

_ARITHMETIC_MM = 1e-6
_HALVINGS = 60

Numbers = npt.NDArray[np.float64]


def fitted_line(positions_mm: Numbers) -> tuple[Numbers, Numbers]:
    """The place of the first slice and the way to the next, by least squares.

    Args:
        positions_mm: (n, 3), in order.
    """
    number = np.arange(len(positions_mm)) - (len(positions_mm) - 1) / 2
    middle_mm = positions_mm.mean(axis=0)
    step_mm = number @ (positions_mm - middle_mm) / (number @ number)
    return middle_mm + number[0] * step_mm, step_mm


def check_regular(heights_mm: Numbers, rounding_mm: float) -> None:
    """Refuses slices that lie on no regular grid.

    Args:
        heights_mm: (n,) their sorted places along the normal.
        rounding_mm: how far each may be off because its coordinates are rounded.

    Raises:
        SeriesError: MISSING_SLICE for a gap, SEVERAL_SERIES for two images at one place.
    """
    gaps_mm = np.diff(heights_mm)
    if gaps_mm.min() < SMALLEST_SPACING_MM:
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            "Two different images lie at the same place, as with several phases. "
            "Put each phase into its own folder.",
        )
    if not _has_even_gaps(heights_mm, gaps_mm) and not _is_rounded(heights_mm, rounding_mm):
        raise SeriesError(
            FailureCode.MISSING_SLICE,
            "A slice is missing, or the distance of slices changes: it is mostly "
            f"{np.median(gaps_mm):.2f} mm, but {gaps_mm.min():.2f} to {gaps_mm.max():.2f} mm "
            "occur. Export the whole series again.",
        )


def _has_even_gaps(heights_mm: Numbers, gaps_mm: Numbers) -> bool:
    """Whether the table moved nearly evenly.

    A missing slice makes a gap at least 1.5 times as long as the mean.
    """
    mean_mm = gaps_mm.mean()
    places_mm = heights_mm[0] + mean_mm * np.arange(len(heights_mm))
    even = np.abs(gaps_mm - mean_mm).max() <= IRREGULAR * mean_mm
    return bool(even and np.abs(heights_mm - places_mm).max() <= OUT_OF_PLACE * mean_mm)


def _is_rounded(heights_mm: Numbers, rounding_mm: float) -> bool:
    """Whether there is a regular grid that rounding alone could have brought the slices off.

    If one of n + 1 slices was lost, the n others lie (n - 2) / 2n of their distance off the best
    grid (for even n, the lost one in the middle; else farther), less what rounding hides of it.
    """
    n = len(heights_mm)
    if_one_is_lost_mm = (heights_mm[-1] - heights_mm[0] - 2 * rounding_mm) / n
    left_of_it_mm = (n - 2) / (2 * n) * if_one_is_lost_mm - rounding_mm
    allowed_mm = min(rounding_mm + _ARITHMETIC_MM, left_of_it_mm - _ARITHMETIC_MM)
    return bool(_off_the_best_grid_mm(heights_mm) <= allowed_mm)


def _off_the_best_grid_mm(heights_mm: Numbers) -> float:
    """The largest distance of a slice from its place on the regular grid where it is smallest.

    It is convex in the distance of the grid, whose first place then lies in the middle.
    """
    number = np.arange(len(heights_mm))

    def off_mm(step_mm: float) -> float:
        return float(np.ptp(heights_mm - step_mm * number)) / 2

    gaps_mm = np.diff(heights_mm)
    low_mm, high_mm = float(gaps_mm.min()), float(gaps_mm.max())
    for _ in range(_HALVINGS):
        third_mm = (high_mm - low_mm) / 3
        if off_mm(low_mm + third_mm) < off_mm(high_mm - third_mm):
            high_mm -= third_mm
        else:
            low_mm += third_mm
    return off_mm((low_mm + high_mm) / 2)
