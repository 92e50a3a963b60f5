"""Which volumes of a study are measured: each acquisition once, and nothing that is no CT volume.

docs/reference/series.md has the rules in words, and their sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from segment_actor.grid.geometry import SMALLEST_SPACING_MM
from segment_actor.reading.dicom.facts.kernel import Kernel, kernel_of
from segment_actor.reading.dicom.grouping.parts import (
    OFF_STEP,
    groups,
    has_place,
    heights_of,
    normal_of,
)
from segment_actor.reading.dicom.grouping.people import same_text
from segment_actor.reading.dicom.grouping.time import DAY_S, seconds_of
from segment_actor.reading.dicom.grouping.why_not import (
    AXIAL,
    AXIAL_FROM,
    WhyNot,
    aside,
    by_type,
)
from segment_actor.reading.dicom.image import Image

__all__ = ["Candidate", "WhyNot", "acquisitions_of", "candidate_of", "one_per_acquisition"]

FEWEST: Final = 10
"""Places of a volume: BOA's `minimum_images`. IDC asks for 50, of chests in thin slices."""

MODEL_STEP_MM: Final = 1.5
"""Slice distance of the models' grid."""

LARGEST_STEP_MM: Final = 5.0
"""Beyond, a reconstruction comes after all others: a vertebra has few slices of it."""

SHORT: Final = 0.8
"""What covers less of the longest one's length is a reconstruction of a region."""

OVERLAP: Final = 0.5
"""Of the shorter one's length. Two acquisitions of neighbouring regions overlap by a few cm."""

SAME_TIME_S: Final = 2.0
"""Reconstructions of one acquisition begin and end at other slices, and so at other times. Between
two passes the table goes back, and a patient breathes."""


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
        patient_id=same_text(images[0].patient_id),
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


def one_per_acquisition(candidates: Sequence[Candidate]) -> list[WhyNot | None]:
    """Of each acquisition of a study the one reconstruction that is measured, for which it is None.

    Args:
        candidates: all volumes of one study that are not refused, or of many studies.
    """
    return [
        one.why_not or (None if leader == n else WhyNot.OTHER_RECONSTRUCTION)
        for n, (one, leader) in enumerate(zip(candidates, _leaders(candidates), strict=True))
    ]


def acquisitions_of(candidates: Sequence[Candidate]) -> list[str]:
    """A text for each volume, the same for all reconstructions of an acquisition.

    It names the series that the scanner numbered first: later reconstructions do not change it.
    """
    leaders = _leaders(candidates)
    first: dict[int, Candidate] = {}
    for one, leader in sorted(zip(candidates, leaders, strict=True), key=lambda pair: pair[0].name):
        first.setdefault(leader, one)
    return [f"{first[leader].series_uid}#{first[leader].part}" for leader in leaders]


def _leaders(candidates: Sequence[Candidate]) -> list[int]:
    """For each volume the one that is measured of its acquisition; itself if there is none."""
    leaders = list(range(len(candidates)))
    for study in groups(leaders, lambda n: _study(candidates[n])).values():
        if len(study) > 1:
            found = _leaders_of_study([candidates[n] for n in study])
            for n, leader in zip(study, found, strict=True):
                leaders[n] = study[leader]
    return leaders


def _study(one: Candidate) -> tuple[str, ...]:
    """Within which volumes are compared: in an archive of blank headers, that is not all of it."""
    if one.study_uid:
        return one.patient_id, one.study_uid
    return one.patient_id, one.study_uid, one.frame_uid or f"{one.series_uid}#{one.part}"


def _leaders_of_study(candidates: Sequence[Candidate]) -> list[int]:
    """The best volume takes all of its acquisition, then the best of what is left."""
    usable = [n for n, one in enumerate(candidates) if one.why_not is None]
    longest_mm = {
        n: max(
            (
                candidates[m].length_mm
                for m in usable
                if same_acquisition(candidates[n], candidates[m])
            ),
            default=0.0,
        )
        for n in usable
    }

    def rank(n: int) -> tuple[float | str, ...]:
        one = candidates[n]
        step_mm = one.step_mm or MODEL_STEP_MM
        return (
            one.length_mm < SHORT * longest_mm[n],
            not one.even and one.step_mm is not None,
            not one.original,
            step_mm > LARGEST_STEP_MM + SMALLEST_SPACING_MM,
            ("soft", None, "sharp").index(one.kernel),
            round(abs(step_mm - MODEL_STEP_MM), 2),
            *one.name,
        )

    leaders = list(range(len(candidates)))
    chosen: list[int] = []
    for n in sorted(usable, key=rank):
        found = (m for m in chosen if same_acquisition(candidates[n], candidates[m]))
        leaders[n] = next(found, n)
        if leaders[n] == n:
            chosen.append(n)
    for n, one in enumerate(candidates):
        if one.why_not is not None:
            leaders[n] = next((m for m in chosen if _same_pass(one, candidates[m])), n)
    return leaders


def same_acquisition(one: Candidate, other: Candidate) -> bool:
    """Whether two volumes of a study show the same pass over the same part of the body."""
    if not _same_pass(one, other):
        return False
    if one.reach_mm is None or other.reach_mm is None:
        return bool(one.time_s and other.time_s and one.acquisition_number is not None)
    (low_mm, high_mm), (other_low_mm, other_high_mm) = one.reach_mm, other.reach_mm
    shared_mm = min(high_mm, other_high_mm) - max(low_mm, other_low_mm)
    return shared_mm >= OVERLAP * min(high_mm - low_mm, other_high_mm - other_low_mm)


def _same_pass(one: Candidate, other: Candidate) -> bool:
    """Whether nothing that both headers say sets the volumes apart, and something joins them.

    One irradiation event does, or two times that agree. Where both are blank, a native and a
    contrast scan may look alike in all else: each of them may count its acquisitions from 1.
    """
    if (one.patient_id, one.study_uid) != (other.patient_id, other.study_uid):
        return False
    frames = {one.frame_uid, other.frame_uid}
    events, timed = one.events and other.events, one.time_s and other.time_s
    if len(frames - {""}) > 1 or not (events or (timed and (one.study_uid or "" not in frames))):
        return False
    return (
        len({one.acquisition_number, other.acquisition_number} - {None}) < 2
        and not (events and one.events.isdisjoint(other.events))
        and not (one.time_s and other.time_s and _apart(one.time_s, other.time_s))
    )


def _apart(one_s: tuple[float, float], other_s: tuple[float, float]) -> bool:
    """Whether one pass began when the other was over."""
    (begin, end), (other_begin, other_end) = one_s, other_s
    if min(begin, other_begin) < DAY_S:  # a date is missing
        begin, end, other_begin, other_end = (
            time % DAY_S for time in (begin, end, other_begin, other_end)
        )
    return max(begin, other_begin) > min(end, other_end) + SAME_TIME_S
