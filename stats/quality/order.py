"""Vertebrae and ribs: numbered from head to feet, none left out, ribs where their vertebrae are.

The typical errors of the models (paper, Figure 4 and S6) are those of counting: neighbours mixed up
where only a part of the spine is in the CT.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median
from typing import Final

from segment_actor.anatomy import Side
from stats.label_map.locations import Piece
from stats.quality.codes import Code, Finding

ORDER_TOLERANCE_MM: Final = 3.0
"""Two voxels of the models' grid: where the CT's upper face cuts ribs, they end at one height."""

CLOSEST: Final = 0.5
"""Share of the steps above and below that a step between vertebrae has at least: steps grow from
some 15 mm in the neck to 40 mm in the lumbar spine, but little from one to the next."""

FARTHEST_MM: Final = 65.0
"""Largest distance of successive vertebrae, or of ribs' upper ends; a tall man's lumbar vertebrae
are some 42 mm apart."""

UNEVEN_MM: Final = 20.0
"""Largest difference in height of the upper ends of a left and a right rib; neighbouring ribs of
one side are some 20 to 30 mm apart."""

LEVELS_BELOW, LEVELS_ABOVE = -0.4, 1.2
"""A rib's upper end over its vertebra's centroid, in steps to the next vertebra: about 0.4 where
both are counted alike, 1.4 or -0.6 where one is off by one. Median over all ribs."""

FIRST_THORACIC: Final = 8
"""T1 in a schema's sequence of vertebrae; rib 1 begins there."""

FEW: Final = 3
"""Fewer ribs are no evidence about the count of a series."""


@dataclass(frozen=True, slots=True)
class Level:
    """One vertebra or rib.

    Attributes:
        name: the structure's, such as `rib_left_5`.
        side: left or right for a rib; None for a vertebra.
        number: position in its series, counted from the head (`Structure.sequence`).
        piece: its largest piece; None if absent, or too little of it to be judged.
    """

    name: str
    side: Side | None
    number: int
    piece: Piece | None

    @property
    def height_mm(self) -> float:
        """Where it stands: a vertebra's centroid, a rib's upper end.

        Ribs hang down in front, to different depths; their upper ends lie at the spine.
        """
        assert self.piece is not None
        return self.piece.high_mm[2] if self.side else self.piece.centroid_mm[2]


def order_findings(levels: Sequence[Level]) -> Iterator[Finding]:
    """Everything wrong with the order of vertebrae and ribs, as code and name."""
    series = {}
    for side in (None, "left", "right"):
        all_of_it = sorted((x for x in levels if x.side == side), key=lambda x: x.number)
        yield from _gaps(all_of_it)
        there = [x for x in all_of_it if x.piece]
        astray = _out_of_order(there)
        yield from ((Code.NEIGHBOURS_SWAPPED, x.name) for x in astray)
        series[side] = [x for x in there if x not in astray]
        for pair in pairwise(series[side]):
            if _successive(*pair) and pair[0].height_mm - pair[1].height_mm > FARTHEST_MM:
                yield from ((Code.TOO_FAR, x.name) for x in pair)
    yield from _too_close(series[None])
    left, right = (_by_number(series[side]) for side in ("left", "right"))
    for number in left.keys() & right.keys():
        if _uneven(left[number], right[number]):
            yield Code.SIDES_UNEVEN, left[number].name
            yield Code.SIDES_UNEVEN, right[number].name
    yield from _levels_disagree(_by_number(series[None]), [*left.values(), *right.values()])


def _gaps(series: Sequence[Level]) -> Iterator[Finding]:
    """Numbers missing between two that are there, unless the CT's border cuts both of these."""
    there = [n for n, level in enumerate(series) if level.piece]
    for before, after in pairwise(there):
        ends = (series[before].piece, series[after].piece)
        if not all(piece and piece.touches_border for piece in ends):
            yield from ((Code.MISSING_BETWEEN, x.name) for x in series[before + 1 : after])


def _out_of_order(there: Sequence[Level]) -> list[Level]:
    """Those without which the rest of a series falls from head to feet.

    As many as can be are kept. Where this can be done in several ways (two neighbours that have
    changed places), nobody can tell who is wrong, and all are who could be.
    """
    kept_to = _longest_fall([x.height_mm for x in there])
    kept_from = _longest_fall([-x.height_mm for x in reversed(there)])[::-1]
    longest = max(kept_to, default=0)
    on_a_longest = [a + b - 1 == longest for a, b in zip(kept_to, kept_from, strict=True)]
    ways = Counter(rank for rank, on in zip(kept_to, on_a_longest, strict=True) if on)
    return [
        x
        for x, rank, on in zip(there, kept_to, on_a_longest, strict=True)
        if not on or ways[rank] > 1
    ]


def _longest_fall(heights_mm: Sequence[float]) -> list[int]:
    """For each height, how many of a falling series that ends with it there are at most."""
    longest: list[int] = []
    for n, height_mm in enumerate(heights_mm):
        before = [longest[m] for m in range(n) if height_mm <= heights_mm[m] + ORDER_TOLERANCE_MM]
        longest.append(1 + max(before, default=0))
    return longest


def _too_close(vertebrae: Sequence[Level]) -> Iterator[Finding]:
    """Only vertebrae: ribs 11 and 12, and the first two, may begin at nearly one height."""
    pairs = [p for p in pairwise(vertebrae) if _successive(*p)]
    steps_mm = [_distance_mm(*pair) for pair in pairs]
    for n, pair in enumerate(pairs):
        around_mm = steps_mm[max(n - 1, 0) : n] + steps_mm[n + 1 : n + 2]
        if around_mm and steps_mm[n] < CLOSEST * mean(around_mm):
            yield from ((Code.TOO_CLOSE, x.name) for x in pair)


def _successive(above: Level, below: Level) -> bool:
    return below.number == above.number + 1 and not _cut(above, below)


def _distance_mm(one: Level, two: Level) -> float:
    assert one.piece is not None
    assert two.piece is not None
    return math.dist(one.piece.centroid_mm, two.piece.centroid_mm)


def _uneven(left: Level, right: Level) -> bool:
    return not _cut(left, right) and abs(left.height_mm - right.height_mm) > UNEVEN_MM


def _levels_disagree(vertebrae: Mapping[int, Level], ribs: Sequence[Level]) -> Iterator[Finding]:
    """Compares the count of the ribs with that of the vertebrae."""
    steps = {}
    for rib in ribs:
        at = vertebrae.get(rib.number + FIRST_THORACIC - 1)
        next_one = vertebrae.get(rib.number + FIRST_THORACIC)
        if at and next_one and not _cut(rib, at, next_one):
            pitch_mm = at.height_mm - next_one.height_mm
            if pitch_mm > 0:
                steps[rib.name] = (rib.height_mm - at.height_mm) / pitch_mm
    if len(steps) >= FEW and not LEVELS_BELOW <= median(steps.values()) <= LEVELS_ABOVE:
        yield from ((Code.LEVELS_DISAGREE, name) for name in steps)


def _by_number(series: Sequence[Level]) -> Mapping[int, Level]:
    return {x.number: x for x in series}


def _cut(*levels: Level) -> bool:
    """Whether the CT's border cuts one of them, so that its place is not its own."""
    return any(x.piece is not None and x.piece.touches_border for x in levels)
