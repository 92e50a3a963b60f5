"""Which images of a series form one volume. A series is what its UID says, a volume what is one CT.

A series may hold several volumes (phases, reconstructions), and images that are none (a scout, a
dose picture). docs/reference/series.md has the rules in words.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final, TypeVar

import numpy as np

from segment_actor.errors import FailureCode
from segment_actor.grid.geometry import MIN_VOXELS_AN_AXIS, SMALLEST_SPACING_MM
from segment_actor.reading.dicom.image import Image
from segment_actor.reading.dicom.series import SAME
from segment_actor.reading.dicom.why_not import aside

STEP_TOLERANCE: Final = 0.3
"""Fraction of the step that a place may lie off, where coordinates are rounded (grid.py)."""


@dataclass(frozen=True, slots=True)
class VolumeOf:
    """The images of one volume.

    Attributes:
        images: their numbers in the input, ascending. Copies of one image are all there.
        left_out: numbers of the images of the same series that are none of a CT volume.
        part: what tells the volumes of a series apart, such as "acquisition=2"; "" for the only
            one. It depends on the headers alone, and no two volumes of a series share it.
        refusal: why the images must not be measured at all.
    """

    images: tuple[int, ...]
    left_out: tuple[int, ...] = ()
    part: str = ""
    refusal: tuple[FailureCode, str] | None = None


def volumes_of(images: Sequence[Image]) -> list[VolumeOf]:
    """The volumes of images, each image in one, or left out of those of its series.

    Args:
        images: all that is known of a series, or of several.

    Returns:
        By series and part, independent of the order of the images.
    """
    series = _groups(range(len(images)), lambda n: images[n].series_uid)
    return [volume for uid in sorted(series) for volume in _of_series(images, series[uid])]


def _of_series(images: Sequence[Image], series: list[int]) -> list[VolumeOf]:
    left_out = tuple(n for n in series if aside(images[n]))
    if len(left_out) == len(series):
        return [VolumeOf(tuple(series))]
    chosen = [n for n in series if n not in set(left_out)]
    refusal = _refusal([images[n] for n in chosen])
    if refusal:
        return [VolumeOf(tuple(chosen), left_out, refusal=refusal)]
    copies = _copies(images, chosen)
    ones = {
        min(group, key=lambda n: _text(images[n])) if len(group) > 1 else group[0]: group
        for group in copies
    }
    parts = _parts(images, list(ones)) if images[chosen[0]].series_uid else {"": list(ones)}
    return [
        VolumeOf(tuple(sorted(copy for n in parts[part] for copy in ones[n])), left_out, part)
        for part in sorted(parts)
    ]


def _copies(images: Sequence[Image], chosen: Sequence[int]) -> list[list[int]]:
    """Images of one SOP Instance UID are one image; of a blank one each is its own."""
    return list(_groups(chosen, lambda n: images[n].sop_uid or n).values())


def _text(image: Image) -> str:
    return repr([getattr(image, field.name) for field in fields(image)])


# Whether a series UID stands for one scan of one person


def _refusal(images: Sequence[Image]) -> tuple[FailureCode, str] | None:
    if not images[0].series_uid:
        return None
    named = {
        "patients": {(_normal(one.patient_id)) for one in images},
        "patients ": {_normal(one.issuer) for one in images} - {""},
        "studies": {one.study_uid for one in images} - {""},
        "frames of reference": {one.frame_uid for one in images} - {""},
    }
    for what, values in named.items():
        if len(values) > 1:
            return (
                FailureCode.UID_REUSED,
                f"Images with one series number (UID) belong to {len(values)} {what.strip()}, so "
                "nobody can tell whose they are. Export the series again from where it came from.",
            )
    return None


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


# What tells the volumes of a series apart

Key = Callable[[Image], Hashable]

KINDS: Final[tuple[tuple[str, Key], ...]] = (
    ("type", lambda one: "/".join(one.image_type)),
    ("kernel", lambda one: one.kernel),
    ("unit", lambda one: one.rescale_type),
)
"""Keys that tell one kind of image from another."""

PASSES: Final[tuple[tuple[str, Key], ...]] = (
    ("acquisition", lambda one: one.acquisition_number),
    ("phase", lambda one: one.temporal_position),
    ("time", lambda one: one.acquisition_time),
)
"""Keys that tell one pass over the body from another; of one pass, slices may differ in them."""


def _parts(images: Sequence[Image], ones: list[int]) -> dict[str, list[int]]:
    if not all(_has_place(images[n]) for n in ones):
        return {"": ones}
    parts = {"": ones}
    for name, values in (
        ("class", [(images[n].sop_class,) for n in ones]),
        ("matrix", [(images[n].rows, images[n].columns) for n in ones]),
        ("spacing", _rounded([images[n].spacing_mm for n in ones])),
        ("orientation", _rounded([images[n].orientation for n in ones])),
    ):
        if len(set(values)) > 1:
            value_of = dict(zip(ones, values, strict=True))
            parts = {
                _joined(part, f"{name}={_shown(value)}"): found
                for part, group in parts.items()
                for value, found in _groups(group, lambda n: value_of[n]).items()  # noqa: B023
            }
    return {
        _joined(part, leaf): found
        for part, group in parts.items()
        for leaf, found in _stacks(images, group).items()
    }


def _has_place(one: Image) -> bool:
    return (
        one.frames == 1
        and len(one.spacing_mm) == 2
        and len(one.orientation) == 6
        and len(one.position_mm) == 3
    )


def _rounded(values: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Each value, or the one that stands for it: the least within `SAME`, in order."""
    found: dict[tuple[float, ...], tuple[float, ...]] = {}
    heads: list[tuple[float, ...]] = []
    for value in sorted(set(values)):
        near = (h for h in heads if max(abs(a - b) for a, b in zip(h, value, strict=True)) <= SAME)
        head = next(near, None)
        if head is None:
            heads.append(head := value)
        found[value] = tuple(round(number, 4) + 0.0 for number in head)
    return [found[value] for value in values]


def _stacks(images: Sequence[Image], group: list[int]) -> dict[str, list[int]]:
    """The volumes of images that agree in all that an array needs; one if nothing sets them apart.

    Only where two images lie at one place, and only by a key that leaves no two there.
    """
    places = _places(images, group)
    if not _repeat(group, places):
        return {"": group}
    found = _split(images, group, places, (*KINDS, *PASSES))
    return found or _by_turns(images, group, places) or {"": group}


def _split(
    images: Sequence[Image],
    group: list[int],
    places: dict[int, int],
    keys: Sequence[tuple[str, Key]],
) -> dict[str, list[int]]:
    """Volumes with no two images at one place; none if the keys do not part them so."""
    for k, (name, key) in enumerate(keys):
        pieces = _groups(group, lambda n: key(images[n]))  # noqa: B023
        if len(pieces) < 2 or len(group) < MIN_VOXELS_AN_AXIS * len(pieces):
            continue
        found: dict[str, list[int]] = {}
        for value, piece in pieces.items():
            label = f"{name}={_shown(value)}"
            if not _repeat(piece, places):
                leaves = {"": piece} if _is_stack(images, piece) else {}
            else:
                leaves = _split(images, piece, places, keys[k + 1 :])
            if not leaves:
                break
            found |= {_joined(label, leaf): members for leaf, members in leaves.items()}
        else:
            return found
    return {}


def _by_turns(
    images: Sequence[Image], group: list[int], places: dict[int, int]
) -> dict[str, list[int]]:
    """The k-th image of each place, by Instance Number: volumes where each place has as many.

    The numbers have to say which are of one pass: all of one before all of the next, or the images
    of a place one after the other.
    """
    at_place = sorted(
        (
            sorted((images[n].instance_number, n) for n in found)
            for found in _groups(group, lambda n: places[n]).values()
            if all(images[n].instance_number is not None for n in found)
        ),
        key=lambda pairs: pairs[0],
    )
    turns = len(at_place[0]) if at_place else 0
    if sum(map(len, at_place)) != len(group) or any(len(found) != turns for found in at_place):
        return {}
    numbers = np.array([[number for number, _ in found] for found in at_place], float)
    one_by_one = (np.diff(numbers, axis=1) == 1).all()
    in_blocks = (numbers[:, :-1].max(axis=0) < numbers[:, 1:].min(axis=0)).all()
    passes = [[found[k][1] for found in at_place] for k in range(turns)]
    if len(at_place) < MIN_VOXELS_AN_AXIS or not (one_by_one or in_blocks):
        return {}
    if not all(_is_stack(images, one) for one in passes):
        return {}
    return {f"place={k + 1}": sorted(found) for k, found in enumerate(passes)}


def _heights_mm(images: Sequence[Image], group: Sequence[int]) -> np.ndarray:
    """Of each image along the normal that all share."""
    axes = np.reshape(images[min(group, key=lambda n: images[n].orientation)].orientation, (2, 3))
    return np.array([images[n].position_mm for n in group]) @ np.cross(axes[0], axes[1])


def _places(images: Sequence[Image], group: Sequence[int]) -> dict[int, int]:
    """The number of each image's place, counted along the normal."""
    heights_mm = _heights_mm(images, group)
    order = np.argsort(heights_mm, kind="stable")
    steps = np.diff(heights_mm[order], prepend=heights_mm[order[0]]) >= SMALLEST_SPACING_MM
    return dict(zip((group[n] for n in order), np.cumsum(steps).tolist(), strict=True))


def _repeat(group: Sequence[int], places: dict[int, int]) -> bool:
    return len({places[n] for n in group}) < len(group)


def _is_stack(images: Sequence[Image], group: Sequence[int]) -> bool:
    """Whether the images lie at equal steps, missing ones apart, which the reader judges."""
    if len(group) < MIN_VOXELS_AN_AXIS:
        return False
    gaps_mm = np.diff(np.sort(_heights_mm(images, group)))
    steps = gaps_mm / np.median(gaps_mm)
    return bool(np.abs(steps - np.maximum(np.round(steps), 1)).max() <= STEP_TOLERANCE)


_Key = TypeVar("_Key", bound=Hashable)


def _groups(items: Iterable[int], key: Callable[[int], _Key]) -> dict[_Key, list[int]]:
    found: dict[_Key, list[int]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found


def _joined(part: str, more: str) -> str:
    return f"{part} {more}".strip()


def _shown(value: Hashable) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)
