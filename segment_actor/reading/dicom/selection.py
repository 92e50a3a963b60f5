"""Which volumes of a study are measured: each acquisition once, and nothing that is no CT volume.

docs/reference/series.md has the rules in words, and their sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from segment_actor.grid.geometry import SMALLEST_SPACING_MM
from segment_actor.reading.dicom.image import Image
from segment_actor.reading.dicom.kernel import Kernel, kernel_of
from segment_actor.reading.dicom.why_not import AXIAL, AXIAL_FROM, WhyNot, aside, by_type

FEWEST: Final = 10
"""Places of a volume, as BOA has it. IDC's CloudSegmentator asks for 50 of thin chest CTs; the
reader can do with 4."""

MODEL_STEP_MM: Final = 1.5
"""Slice distance of the models' grid."""

LARGEST_STEP_MM: Final = 5.0
"""Thicker slices come last: a vertebra has four of them."""

SHORT: Final = 0.8
"""A reconstruction that covers less of the largest one's length is one of a region."""

SAME_TIME_S: Final = 2.0
"""Reconstructions of one acquisition begin and end with other slices."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A volume as far as selection needs to know it: a row of an index.

    Attributes:
        why_not: what the volume is by itself; None if it may be measured.
        study_uid: Study Instance UID.
        frame_uid: Frame of Reference UID.
        series_uid: Series Instance UID.
        part: which volume of its series.
        series_number: Series Number.
        acquisition_number: Acquisition Number, if all images share it.
        begin_s: acquisition time of the first image; None if not known.
        end_s: acquisition time of the last image.
        low_mm: place of the lowest image along the normal, upwards.
        high_mm: place of the highest image.
        places: number of places.
        step_mm: median distance of neighbouring places; 0 for one place.
        kernel: soft or sharp, where known.
        original: whether the images come straight from the scanner.
    """

    why_not: WhyNot | None
    study_uid: str = field(repr=False)
    frame_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    part: str
    series_number: float | None
    acquisition_number: float | None
    begin_s: float | None
    end_s: float | None
    low_mm: float
    high_mm: float
    places: int
    step_mm: float
    kernel: Kernel | None
    original: bool


def candidate_of(images: Sequence[Image], part: str = "") -> Candidate:
    """What selection needs of the images of one volume (`volumes_of`)."""
    first = min(images, key=lambda one: (one.series_number or 0, one.sop_uid))
    heights_mm = _heights_mm(images)
    gaps_mm = np.diff(heights_mm)
    acquisitions = {one.acquisition_number for one in images}
    times_s = [t for one in images if (t := seconds_of(one.acquisition_time)) is not None]
    kernels = {kernel_of(one.manufacturer, one.kernel) for one in images}
    return Candidate(
        why_not=why_not(images),
        study_uid=max(one.study_uid for one in images),
        frame_uid=max(one.frame_uid for one in images),
        series_uid=first.series_uid,
        part=part,
        series_number=first.series_number,
        acquisition_number=acquisitions.pop() if len(acquisitions) == 1 else None,
        begin_s=min(times_s, default=None),
        end_s=max(times_s, default=None),
        low_mm=float(heights_mm[0]) if heights_mm.size else 0.0,
        high_mm=float(heights_mm[-1]) if heights_mm.size else 0.0,
        places=_n_places(images, heights_mm),
        step_mm=float(np.median(gaps_mm)) if gaps_mm.size else 0.0,
        kernel=kernels.pop() if len(kernels) == 1 else None,
        original=all("ORIGINAL" in one.image_type for one in images),
    )


def why_not(images: Sequence[Image]) -> WhyNot | None:
    """Why one volume is not measured, whatever else is in its study."""
    for judge in (aside, by_type):
        reasons = [reason for one in images if (reason := judge(one))]
        if reasons:
            return max(sorted(set(reasons)), key=reasons.count)
    if not all(_has_place(one) for one in images):
        return None  # the reader says what is wrong, or looks into a multi-frame object
    cosine = min(abs(_normal(one)[2]) for one in images)
    heights_mm = _heights_mm(images)
    n_places = _n_places(images, heights_mm)
    if cosine < AXIAL_FROM:
        return WhyNot.NOT_AXIAL
    if cosine < 1 - AXIAL and not any("ORIGINAL" in one.image_type for one in images):
        return WhyNot.DERIVED
    if n_places == 1 and len(images) > 1:
        return WhyNot.ONE_PLACE
    return WhyNot.TOO_FEW if n_places < FEWEST else None


def one_per_acquisition(candidates: Sequence[Candidate]) -> list[WhyNot | None]:
    """Of each acquisition of a study the one reconstruction that is measured, for which it is None.

    Args:
        candidates: all volumes of one study.
    """
    leaders = _leaders(candidates)
    return [
        one.why_not or (None if leader == n else WhyNot.OTHER_RECONSTRUCTION)
        for n, (one, leader) in enumerate(zip(candidates, leaders, strict=True))
    ]


def acquisitions_of(candidates: Sequence[Candidate]) -> list[str]:
    """A text for each volume of a study, the same for reconstructions of one acquisition."""
    leaders = _leaders(candidates)
    members: dict[int, list[Candidate]] = {}
    for one, leader in zip(candidates, leaders, strict=True):
        members.setdefault(leader, []).append(one)
    names = {leader: min(map(_name, found)) for leader, found in members.items()}
    return [f"{names[leader][1]}#{names[leader][2]}" for leader in leaders]


def _leaders(candidates: Sequence[Candidate]) -> list[int]:
    """For each volume the one that is measured of its acquisition; itself if it stands alone."""
    usable = [n for n, one in enumerate(candidates) if one.why_not is None]
    short = {
        n
        for n in usable
        if any(
            _length_mm(candidates[n]) < SHORT * _length_mm(candidates[m])
            and same_acquisition(candidates[n], candidates[m])
            for m in usable
        )
    }
    order = sorted(usable, key=lambda n: (n in short, *_rank(candidates[n])))
    leaders = list(range(len(candidates)))
    chosen: list[int] = []
    for n in order + [n for n in range(len(candidates)) if n not in set(usable)]:
        found = (m for m in chosen if same_acquisition(candidates[n], candidates[m]))
        leaders[n] = next(found, n)
        if leaders[n] == n and candidates[n].why_not is None:
            chosen.append(n)
    return leaders


def _rank(one: Candidate) -> tuple[object, ...]:
    return (
        not one.original,
        one.step_mm > LARGEST_STEP_MM + SMALLEST_SPACING_MM,
        {"soft": 0, None: 1, "sharp": 2}[one.kernel],
        round(abs(one.step_mm - MODEL_STEP_MM), 2),
        *_name(one),
    )


def _name(one: Candidate) -> tuple[float, str, str]:
    number = float("inf") if one.series_number is None else one.series_number
    return number, one.series_uid, one.part


def _length_mm(one: Candidate) -> float:
    return one.high_mm - one.low_mm + one.step_mm


def same_acquisition(one: Candidate, other: Candidate) -> bool:
    """Whether two volumes of a study show the same pass over the same part of the body."""
    if one.frame_uid and other.frame_uid and one.frame_uid != other.frame_uid:
        return False
    numbers = {one.acquisition_number, other.acquisition_number} - {None}
    if len(numbers) > 1:
        return False
    if (
        one.begin_s is not None
        and other.begin_s is not None
        and one.end_s is not None
        and other.end_s is not None
        and max(one.begin_s, other.begin_s) > min(one.end_s, other.end_s) + SAME_TIME_S
    ):
        return False
    shared_mm = min(one.high_mm, other.high_mm) - max(one.low_mm, other.low_mm)
    return shared_mm >= 0.5 * min(one.high_mm - one.low_mm, other.high_mm - other.low_mm)


def seconds_of(time: str) -> float | None:
    """Seconds of an acquisition time, DICOM's DT, or DA and TM joined; None for another text."""
    digits = time.strip().partition(".")[0].partition("+")[0].partition("-")[0]
    form = {14: "%Y%m%d%H%M%S", 6: "%H%M%S"}.get(len(digits))
    if form is None or not digits.isdigit():
        return None
    try:
        return (datetime.strptime(digits, form) - datetime(1900, 1, 1)).total_seconds()
    except ValueError:
        return None


def _has_place(one: Image) -> bool:
    return one.frames == 1 and len(one.orientation) == 6 and len(one.position_mm) == 3


def _normal(one: Image) -> tuple[float, float, float]:
    a, b, c, d, e, f = one.orientation
    return b * f - c * e, c * d - a * f, a * e - b * d


def _heights_mm(images: Sequence[Image]) -> np.ndarray:
    """Sorted places along the common normal, upwards, each once; empty where one is not known."""
    if not all(_has_place(one) for one in images):
        return np.empty(0)
    normal = np.array(_normal(min(images, key=lambda one: one.orientation)))
    heights_mm = np.sort(
        np.array([one.position_mm for one in images]) @ normal * (1 if normal[2] >= 0 else -1)
    )
    return heights_mm[np.diff(heights_mm, prepend=-np.inf) >= SMALLEST_SPACING_MM]


def _n_places(images: Sequence[Image], heights_mm: np.ndarray) -> int:
    return len(heights_mm) or sum(one.frames for one in images)
