"""Which volumes of a study are measured: each acquisition once.

docs/reference/series.md has the rules in words, and their sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from segment_actor.grid.geometry import SMALLEST_SPACING_MM
from segment_actor.reading.dicom.grouping.candidate import Candidate
from segment_actor.reading.dicom.grouping.parts import groups
from segment_actor.reading.dicom.grouping.time import DAY_S
from segment_actor.reading.dicom.grouping.why_not import WhyNot

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
