"""Whether a series has all the images that its header speaks of.

A slice that is missing inside leaves a gap; one that is missing at an end leaves none, and only the
header can give it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from segment_actor.errors import FailureCode, SeriesError

FEW = 0.1
"""Share of an acquisition that may have been lost at the ends. Of two reconstructions of one
acquisition, each has lost more of the common number: that is no loss."""

APART = 1.5
"""Slice distance in slice thicknesses from which images are no longer neighbours: they touch or
overlap, and one of two that touch lies two thicknesses away."""


@dataclass(frozen=True, slots=True)
class ImageNumbers:
    """How an image counts itself among the others; None where the header is silent.

    Attributes:
        number: Instance Number.
        in_series: Number of Series Related Instances, which some archives write on export.
        acquisition: Acquisition Number.
        in_acquisition: Images in Acquisition, which some scanners write.
        original: whether the image comes straight from the scanner, not from other images.
    """

    number: float | None
    in_series: float | None
    acquisition: float | None
    in_acquisition: float | None
    original: bool


def check_complete(images: Sequence[ImageNumbers], beside: int = 0) -> None:
    """Refuses a series whose images agree that there are more of them.

    Args:
        images: those of one volume, each once.
        beside: images of the same series that are there and belong to another volume or to none:
            a scout, a dose picture. An archive has counted them too.

    Raises:
        SeriesError: MISSING_SLICE.
    """
    expected = _expected(images, beside)
    if expected > len(images):
        raise SeriesError(
            FailureCode.MISSING_SLICE,
            f"The headers speak of {expected:.0f} images, and {len(images)} are there. "
            "Export the whole series again.",
        )


def check_not_thinned(
    numbers: Sequence[float | None], step_mm: float, slice_thickness_mm: float | None
) -> None:
    """Refuses every second, third ... image of a series: what is left of it on one disk of several.

    They lie as evenly as all of them would, but their numbers leave the others out and so do the
    slices, which no longer touch.

    Args:
        numbers: Instance Number of each image, in the order of their places.
        step_mm: from one to the next.
        slice_thickness_mm: of each.

    Raises:
        SeriesError: MISSING_SLICE.
    """
    known = [number for number in numbers if number is not None]
    strides = {abs(after - before) for before, after in pairwise(known)}
    if (
        len(known) == len(numbers)
        and len(strides) == 1
        and min(strides) >= 2  # 1 is every image
        and slice_thickness_mm
        and step_mm > APART * slice_thickness_mm
    ):
        raise SeriesError(
            FailureCode.MISSING_SLICE,
            f"Only one of {min(strides):.0f} images is there, by their numbers and by the gaps "
            "between them. Export the whole series again.",
        )


def _expected(images: Sequence[ImageNumbers], beside: int) -> float:
    """How many images there should be; 0 where the headers do not say, or not with one voice."""
    in_series, acquisition, in_acquisition = (
        _common([getattr(one, name) for one in images])
        for name in ("in_series", "acquisition", "in_acquisition")
    )
    if in_series is not None:
        return in_series - beside
    if acquisition is None or in_acquisition is None or not all(one.original for one in images):
        return 0
    if _is_most_of(in_acquisition, [one.number for one in images]):
        return in_acquisition
    return 0


def _common(values: Sequence[float | None]) -> float | None:
    return values[0] if len(set(values)) == 1 else None


def _is_most_of(expected: float, numbers: Sequence[float | None]) -> bool:
    """Whether the numbers are all of 1 to `expected` without a few at the ends."""
    known = sorted(number for number in numbers if number is not None)
    if len(set(known)) < len(numbers) or known[0] < 1 or known[-1] > expected:
        return False
    run = known[-1] - known[0] + 1 == len(known)
    return run and len(known) >= (1 - FEW) * expected
