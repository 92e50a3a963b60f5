"""What one volume is, as far as its headers say: whether it may be measured, and how good it is.

docs/reference/series.md has the rules in words, and their sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from segment_actor.grid.geometry import SMALLEST_SPACING_MM
from segment_actor.person import canonical_id
from segment_actor.reading.dicom.facts.kernel import Kernel, kernel_of
from segment_actor.reading.dicom.grouping.parts import (
    OFF_STEP,
    has_place,
    heights_of,
    normal_of,
)
from segment_actor.reading.dicom.grouping.time import DAY_S, seconds_of
from segment_actor.reading.dicom.grouping.why_not import (
    AXIAL,
    AXIAL_FROM,
    WhyNot,
    aside,
    by_type,
)
from segment_actor.reading.dicom.image import Image

FEWEST: Final = 10
"""Places of a volume: BOA's `minimum_images`. IDC asks for 50, of chests in thin slices."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A volume as far as selection needs to know it: a row of an index.

    Attributes:
        why_not: what the volume is by itself; None if it may be measured.
        patient_id: Patient ID, in one way of writing it; "" if blank.
        study_uid: Study Instance UID; "" if blank.
        frame_uid: Frame of Reference UID; "" if blank.
        series_uid: Series Instance UID.
        part: which volume of its series.
        series_number: Series Number.
        acquisition_number: Acquisition Number, where all images share it.
        time_s: acquisition time of the first and the last image, in the seconds of `seconds_of`;
            None where not known.
        events: Irradiation Event UIDs of the images.
        reach_mm: place of the lowest and the highest image along the normal, upwards; None where
            not known.
        step_mm: distance of neighbouring places, of uneven ones the median; None where not known.
        even: whether one image lies at each place, and the steps are equal.
        kernel: soft or sharp, where known.
        original: whether the images come straight from the scanner.
    """

    why_not: WhyNot | None
    patient_id: str = field(repr=False)
    study_uid: str = field(repr=False)
    frame_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    part: str
    series_number: float | None
    acquisition_number: float | None
    time_s: tuple[float, float] | None
    events: frozenset[str] = field(repr=False)
    reach_mm: tuple[float, float] | None
    step_mm: float | None
    even: bool
    kernel: Kernel | None
    original: bool

    @property
    def name(self) -> tuple[float, str, str]:
        """Tells volumes of a study apart, and the scanner's first ones come first."""
        number = float("inf") if self.series_number is None else self.series_number
        return number, self.series_uid, self.part

    @property
    def length_mm(self) -> float:
        """From end to end; 0 where not known, so that what is known comes first."""
        if self.reach_mm is None:
            return 0.0
        return self.reach_mm[1] - self.reach_mm[0] + (self.step_mm or 0)


def candidate_of(images: Sequence[Image], part: str = "") -> Candidate:
    """What selection needs of the images of one volume (`volumes_of`)."""
    places_mm = _places_mm(images)
    gaps_mm = np.diff(places_mm)
    step_mm = float(np.median(gaps_mm)) if gaps_mm.size else None
    even = bool(step_mm) and np.abs(gaps_mm / (step_mm or 1) - 1).max() <= OFF_STEP
    times_s = [t for one in images if (t := seconds_of(one.acquisition_time)) and t % DAY_S]
    once = len({one.sop_uid or n for n, one in enumerate(images)}) == places_mm.size
    makers = {(one.manufacturer, one.kernel) for one in images}
    return Candidate(
        why_not=_why_not(images, places_mm),
        patient_id=canonical_id(images[0].patient_id),
        study_uid=max(one.study_uid for one in images),
        frame_uid=max(one.frame_uid for one in images),
        series_uid=images[0].series_uid,
        part=part,
        series_number=_common([one.series_number for one in images]),
        acquisition_number=_common([one.acquisition_number for one in images]),
        time_s=(min(times_s), max(times_s)) if times_s else None,
        events=frozenset(uid for one in images for uid in one.irradiation_events),
        reach_mm=(float(places_mm[0]), float(places_mm[-1])) if places_mm.size else None,
        step_mm=float(gaps_mm.mean()) if even else step_mm,
        even=bool(once and even),
        kernel=_common([kernel_of(*names) for names in makers]),
        original=all("ORIGINAL" in one.image_type for one in images),
    )


def why_not(images: Sequence[Image]) -> WhyNot | None:
    """Why one volume is not measured, whatever else is in its study."""
    return _why_not(images, _places_mm(images))


def _why_not(images: Sequence[Image], places_mm: npt.NDArray[np.float64]) -> WhyNot | None:
    for judge in (aside, by_type):
        reasons = [reason for one in images if (reason := judge(one))]
        if reasons:
            return max(sorted(set(reasons)), key=reasons.count)
    if not places_mm.size:  # the reader says what is wrong, or looks into a multi-frame object
        return None
    cosine = min(abs(normal_of(one)[2]) for one in images)
    if cosine < AXIAL_FROM:
        return WhyNot.NOT_AXIAL
    if cosine < 1 - AXIAL and not any("ORIGINAL" in one.image_type for one in images):
        return WhyNot.DERIVED
    if places_mm.size == 1 < len(images):
        return WhyNot.ONE_PLACE
    return WhyNot.TOO_FEW if places_mm.size < FEWEST else None


def _places_mm(images: Sequence[Image]) -> npt.NDArray[np.float64]:
    """Along the normal of the images, upwards, each once; none where one is not known."""
    if not all(map(has_place, images)):
        return np.empty(0)
    heights_mm = heights_of(images)
    upwards = normal_of(images[0])[2] >= 0
    heights_mm = np.sort(heights_mm if upwards else -heights_mm)
    return heights_mm[np.diff(heights_mm, prepend=-np.inf) >= SMALLEST_SPACING_MM]


_T = TypeVar("_T")


def _common(values: Sequence[_T | None]) -> _T | None:
    return values[0] if len(set(values)) == 1 else None
