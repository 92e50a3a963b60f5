"""What tells the volumes of one series apart: reconstructions, passes over the body.

A volume is never cut in pieces: what no rule sets apart for certain stays together, and the reader
says what is wrong with it.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from segment_actor.grid.geometry import MIN_VOXELS_AN_AXIS, SMALLEST_SPACING_MM
from segment_actor.reading.dicom.grouping.time import seconds_of
from segment_actor.reading.dicom.image import Image

OTHER_PLANE: Final = 0.02
"""Difference of a direction cosine, some 1 degree. What differs by less wavers from slice to slice
(in dcm2niix issue 427, 15 slices of 33 went into a volume of their own): one volume, for the reader
to refuse, and not two with gaps."""

OTHER_PIXELS: Final = 0.01
"""Relative difference of pixel spacings, for the same reason."""

OFF_STEP: Final = 0.3
"""Fraction of the step that a slice may lie off its place, where coordinates are rounded."""

SHARED: Final = 0.5
"""Two reconstructions or passes show the same: half of the smaller one's places, at least, are the
other's too. Neighbouring pieces of one scan have a few in common at most."""

DETECTOR_MM: Final = 160.0
"""The widest detector (320 rows of 0.5 mm). What is longer is no piece of a scan taken in steps."""

_Key = TypeVar("_Key", bound=Hashable)
_Keys = Sequence[tuple[str, Callable[[Image], Hashable]]]

KINDS: Final[_Keys] = (
    ("type", lambda one: one.image_type),
    ("kernel", lambda one: one.kernel),
    ("unit", lambda one: one.rescale_type),
    ("thickness", lambda one: one.slice_thickness_mm),
    ("voltage", lambda one: one.kv_peak),
)
"""What tells one reconstruction of a pass from another."""

PASSES: Final[_Keys] = (
    ("acquisition", lambda one: one.acquisition_number),
    ("phase", lambda one: one.temporal_position),
    ("time", lambda one: one.acquisition_time),
)
"""What tells one pass over the body from another, but in many series slice from slice, too."""

ORDERS: Final[tuple[Callable[[Image], float | None], ...]] = (
    lambda one: seconds_of(one.acquisition_time),
    lambda one: one.instance_number,
)
"""By which the images at one place may be counted."""


def groups(items: Iterable[int], key: Callable[[int], _Key]) -> dict[_Key, list[int]]:
    """Items by a key of theirs."""
    found: dict[_Key, list[int]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return dict(found)


def parts_of(images: Sequence[Image]) -> dict[str, list[int]]:
    """The volumes of one series, by a text that tells each from the others; "" for the only one.

    Args:
        images: of one series, each once, all of which may be part of a CT volume.
    """
    ones = list(range(len(images)))
    if not all(map(has_place, images)):
        return {"": ones}
    parts = {"": ones}
    for name, values in (
        ("class", [one.sop_class for one in images]),
        ("matrix", [(one.rows, one.columns) for one in images]),
        ("spacing", _clusters([one.spacing_mm for one in images], OTHER_PIXELS, relative=True)),
        ("orientation", _clusters([one.orientation for one in images], OTHER_PLANE)),
    ):
        if len(set(values)) > 1:
            parts = {
                _joined(part, name, value): found
                for part, group in parts.items()
                for value, found in groups(group, values.__getitem__).items()
            }
    stacks: dict[str, list[int]] = {}
    for part, group in parts.items():
        for leaf, found in _Stack.of([images[n] for n in group]).volumes().items():
            stacks[f"{part} {leaf}".strip()] = [group[n] for n in found]
    return stacks


def has_place(one: Image) -> bool:
    """Whether an image says where it lies: an array can be made of such only."""
    return (
        one.frames == 1
        and len(one.spacing_mm) == 2
        and len(one.orientation) == 6
        and len(one.position_mm) == 3
    )


def _clusters(
    values: Sequence[tuple[float, ...]], apart: float, *, relative: bool = False
) -> list[tuple[float, ...]]:
    """For each value the least one that is not `apart` from it, to 4 decimals."""
    head_of: dict[tuple[float, ...], tuple[float, ...]] = {}
    heads: list[tuple[float, ...]] = []
    for value in sorted(set(values)):
        allowed = apart * max(value) if relative else apart
        near = (
            head
            for head in heads
            if max(abs(a - b) for a, b in zip(head, value, strict=True)) <= allowed
        )
        head = next(near, None)
        if head is None:
            heads.append(head := value)
        head_of[value] = tuple(round(number, 4) + 0.0 for number in head)
    return [head_of[value] for value in values]


def _joined(part: str, name: str, value: Hashable) -> str:
    return f"{part} {name}={_shown(value)}".strip()


def _shown(value: Hashable) -> str:
    """A text for each value, and no two the same."""
    if isinstance(value, tuple):
        return ",".join(map(_shown, value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else quote(str(value), safe="/.+-")


@dataclass(frozen=True, slots=True)
class _Stack:
    """Images that agree in all that an array needs.

    Attributes:
        images: in the order in which they came.
        heights_mm: (N,) along their normal.
        places: number of each image's place, counted along the normal.
    """

    images: Sequence[Image]
    heights_mm: npt.NDArray[np.float64]
    places: Sequence[int]

    @classmethod
    def of(cls, images: Sequence[Image]) -> _Stack:
        heights_mm = heights_of(images)
        order = np.argsort(heights_mm, kind="stable")
        sorted_mm = heights_mm[order]
        places = np.empty(len(images), int)
        places[order] = np.cumsum(np.diff(sorted_mm, prepend=sorted_mm[0]) >= SMALLEST_SPACING_MM)
        return cls(images, heights_mm, places.tolist())

    def volumes(self) -> dict[str, list[int]]:
        """One volume if no two images lie at one place, or if nothing sets them apart."""
        everything = list(range(len(self.images)))
        if len(set(self.places)) == len(everything):
            return self._interlocked(everything) or {"": everything}
        return self._split(everything, (*KINDS, *PASSES)) or {"": everything}

    def _interlocked(self, group: list[int]) -> dict[str, list[int]]:
        """Stacks whose slices lie between each other's, where no two are at one place.

        Each has to be complete, and to share most of its stretch with the others or to be a long
        scan. Pieces of one scan follow one another instead.
        """
        keys: dict[str, Mapping[int, Hashable]] = {
            name: {n: key(self.images[n]) for n in group} for name, key in (*KINDS, *PASSES)
        }
        keys["run"] = self._runs(group)
        for name, values in keys.items():
            pieces = groups(group, values.__getitem__)
            if len(pieces) < 2 or not all(
                self._is_stack(one, missing=False) for one in pieces.values()
            ):
                continue
            reach_mm = sorted(map(self._reach_mm, pieces.values()))
            shortest_mm = min(high - low for low, high in reach_mm)
            common_mm = min(high for _, high in reach_mm) - reach_mm[-1][0]
            cross = any(low < high for (_, high), (low, _) in itertools.pairwise(reach_mm))
            if common_mm > SHARED * shortest_mm or (cross and shortest_mm > DETECTOR_MM):
                return {_joined("", name, value): one for value, one in pieces.items()}
        return {}

    def _runs(self, group: list[int]) -> dict[int, int]:
        """By Instance Number, how often the slices have turned back before each; 0 if not known."""
        known = {n: v for n in group if (v := self.images[n].instance_number) is not None}
        if len(group) < 2 or len(set(known.values())) < len(group):
            return dict.fromkeys(group, 0)
        order = sorted(group, key=known.__getitem__)
        ways_mm = np.diff(self.heights_mm[order])
        turns = np.sign(ways_mm) != np.sign(np.median(ways_mm))
        return dict(zip(order, [0, *np.cumsum(turns).tolist()], strict=True))

    def _reach_mm(self, members: Sequence[int]) -> tuple[float, float]:
        heights_mm = self.heights_mm[list(members)]
        return float(heights_mm.min()), float(heights_mm.max())

    def _split(self, group: list[int], keys: _Keys) -> dict[str, list[int]]:
        """Volumes without two images at one place; none where nothing sets them apart so."""
        if len({self.places[n] for n in group}) == len(group):
            return {"": group}
        for k, (name, key) in enumerate(keys):
            pieces = groups(group, lambda n: key(self.images[n]))  # noqa: B023
            if self._are_volumes(list(pieces.values()), a_kind=(name, key) in KINDS):
                found = {v: self._split(piece, keys[k + 1 :]) for v, piece in pieces.items()}
                if all(found.values()):
                    return {
                        f"{_joined('', name, value)} {leaf}".strip(): members
                        for value, leaves in found.items()
                        for leaf, members in leaves.items()
                    }
        return self._by_turns(group)

    def _are_volumes(self, pieces: Sequence[Sequence[int]], *, a_kind: bool) -> bool:
        """Whether each piece shows what another shows too, or is a long scan of its own.

        Those of a pass have to be stacks; a few pictures of another kind need not be.
        """
        if len(pieces) < 2:
            return False
        places = [{self.places[n] for n in piece} for piece in pieces]
        most, second = sorted(map(len, places), reverse=True)[:2]
        times = Counter(place for found in places for place in found)
        for piece, found in zip(pieces, places, strict=True):
            shared = sum(times[place] > 1 for place in found)
            smaller = min(len(found), second if len(found) == most else most)
            low_mm, high_mm = self._reach_mm(piece)
            alone = not a_kind and high_mm - low_mm > DETECTOR_MM
            if not (a_kind or self._is_stack(piece)) or (shared < SHARED * smaller and not alone):
                return False
        return True

    def _by_turns(self, group: Sequence[int]) -> dict[str, list[int]]:
        """The first, second ... image of each place, where each place has as many.

        Only if the order is certain: all of one pass before all of the next, or by Instance Number
        the images of each place one after the other.
        """
        places = list(groups(group, self.places.__getitem__).values())
        turns = len(places[0])
        if len(places) < MIN_VOXELS_AN_AXIS or any(len(at) != turns for at in places):
            return {}
        for order in ORDERS:
            known = {n: v for n in group if (v := order(self.images[n])) is not None}
            if len(known) < len(group):
                continue
            at_places = [sorted(at, key=known.__getitem__) for at in places]
            numbers = np.array([[known[n] for n in at] for at in at_places])
            in_blocks = (numbers[:, :-1].max(axis=0) < numbers[:, 1:].min(axis=0)).all()
            one_by_one = order is ORDERS[-1] and (np.diff(numbers, axis=1) == 1).all()
            passes = [[at[k] for at in at_places] for k in range(turns)]
            if (in_blocks or one_by_one) and all(map(self._is_stack, passes)):
                return {f"place={k + 1}": found for k, found in enumerate(passes)}
        return {}

    def _is_stack(self, members: Sequence[int], *, missing: bool = True) -> bool:
        """Whether places lie at equal steps; some may be missing, which the reader judges."""
        heights_mm = np.sort(self.heights_mm[list(members)])
        gaps_mm = np.diff(heights_mm)
        gaps_mm = gaps_mm[gaps_mm >= SMALLEST_SPACING_MM]
        if len(gaps_mm) + 1 < MIN_VOXELS_AN_AXIS:
            return False
        steps = gaps_mm / np.median(gaps_mm)
        whole = np.maximum(np.round(steps), 1) if missing else 1
        return bool(np.abs(steps - whole).max() <= OFF_STEP)


def heights_of(images: Sequence[Image]) -> npt.NDArray[np.float64]:
    """Where images that share an orientation lie along their normal, (N,) in mm."""
    normal = normal_of(min(images, key=lambda one: one.orientation))
    heights_mm: npt.NDArray[np.float64] = np.array([one.position_mm for one in images]) @ normal
    return heights_mm


def normal_of(one: Image) -> tuple[float, float, float]:
    """The direction across an image, LPS, of length 1 unless the header is damaged."""
    a, b, c, d, e, f = one.orientation
    return b * f - c * e, c * d - a * f, a * e - b * d
