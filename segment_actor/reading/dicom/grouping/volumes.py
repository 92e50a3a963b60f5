"""Which images of a series form one volume. A series is what its UID says, a volume what is one CT.

A series may hold several volumes (phases, reconstructions) and images that are none (a scout, a
dose picture). docs/reference/series.md has the rules in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from segment_actor.reading.dicom.grouping.parts import groups, parts_of
from segment_actor.reading.dicom.grouping.people import Refusal, refusal_of
from segment_actor.reading.dicom.grouping.why_not import aside
from segment_actor.reading.dicom.image import Image


@dataclass(frozen=True, slots=True)
class VolumeOf:
    """The images of one volume.

    Attributes:
        images: their numbers in the input, ascending. Copies of one image are all there.
        left_out: numbers of the images of the same series that are none of a CT volume.
        beside: how many images these are, each counted once.
        part: what tells the volumes of a series apart, such as "acquisition=2"; "" for the only
            one. It depends on the headers alone, and no two volumes of a series share it.
        refusal: why the images must not be measured at all.
        elsewhere: how many images, each counted once, are another volume of the same series.
    """

    images: tuple[int, ...]
    left_out: tuple[int, ...] = ()
    beside: int = 0
    part: str = ""
    refusal: Refusal | None = None
    elsewhere: int = 0


def volumes_of(images: Sequence[Image]) -> list[VolumeOf]:
    """The volumes of images: each image is in one, or left out of those of its series.

    Args:
        images: all that is known of one series, or of several.

    Returns:
        By series and part; the order of the images changes nothing but their numbers.
    """
    series = groups(range(len(images)), lambda n: images[n].series_uid)
    return [volume for uid in sorted(series) for volume in _of_series(images, series[uid])]


def _of_series(images: Sequence[Image], series: Sequence[int]) -> list[VolumeOf]:
    left_out = tuple(n for n in series if aside(images[n]))
    beside = len(_copies(images, left_out))
    chosen = sorted(set(series) - set(left_out))
    if not chosen:
        return [VolumeOf(tuple(series))]
    named = bool(images[chosen[0]].series_uid)
    refusal = refusal_of([images[n] for n in chosen]) if named else None
    if refusal or not named:
        return [VolumeOf(tuple(chosen), left_out, beside, refusal=refusal)]
    copies = [sorted(same) for same in _copies(images, chosen)]
    parts = parts_of([images[_first(images, same)] for same in copies])
    return [
        VolumeOf(
            tuple(sorted(n for one in ones for n in copies[one])),
            left_out,
            beside,
            part,
            elsewhere=len(copies) - len(ones),
        )
        for part, ones in sorted(parts.items())
    ]


def _copies(images: Sequence[Image], chosen: Sequence[int]) -> list[list[int]]:
    """Images of one SOP Instance UID are one image; of a blank one, each is its own."""
    return list(groups(chosen, lambda n: images[n].sop_uid or n).values())


def _first(images: Sequence[Image], copies: Sequence[int]) -> int:
    """The same copy in whichever order they come."""
    if len(copies) == 1:
        return copies[0]
    return min(copies, key=lambda n: repr([getattr(images[n], one.name) for one in fields(Image)]))
