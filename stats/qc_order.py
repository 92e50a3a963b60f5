"""Vertebrae and ribs: numbered from head to feet, none left out, ribs where their vertebrae are.

The typical errors of the models (paper, Figure 4 and S6) are those of counting: neighbours mixed up
where only a part of the spine is in the CT.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from segment_actor.anatomy import Side
from stats.places import Piece
from stats.qc_codes import Code

ORDER_TOLERANCE_MM: Final = 3.0
"""Two voxels of the models' grid: where the CT's upper face cuts ribs, they end at one height."""

CLOSEST_MM: Final = 6.0
"""Between the centroids of successive vertebrae; a child's neck has some 8 mm, an adult's 15."""

FARTHEST_MM: Final = 65.0
"""Likewise, and between the upper ends of successive ribs; a tall man's loins have some 42 mm."""

UNEVEN_MM: Final = 20.0
"""Between the upper ends of a left and a right rib; ribs of one side are some 20 to 30 mm apart."""

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
        name: of the structure.
        side: of a rib; None for a vertebra.
        number: in its series, from the head.
        piece: its largest piece; None if absent or too small to be it.
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


def order_findings(levels: Sequence[Level]) -> Iterator[tuple[Code, str]]:
    """Everything wrong with the order of vertebrae and ribs, as code and name."""
    series = {
        side: sorted((x for x in levels if x.side == side), key=lambda x: x.number)
        for side in (None, "left", "right")
    }
    for one in series.values():
        yield from _gaps(one)
        for above, below in pairwise([x for x in one if x.piece]):
            yield from _neighbours(above, below)
    left, right = (_by_number(series[side]) for side in ("left", "right"))
    for number in left.keys() & right.keys():
        if _uneven(left[number], right[number]):
            yield Code.SIDES_UNEVEN, left[number].name
            yield Code.SIDES_UNEVEN, right[number].name
    yield from _levels_disagree(_by_number(series[None]), [*left.values(), *right.values()])


def _gaps(series: Sequence[Level]) -> Iterator[tuple[Code, str]]:
    """Numbers missing between two that are there, unless the CT's border cuts both of these."""
    there = [n for n, level in enumerate(series) if level.piece]
    for before, after in pairwise(there):
        ends = (series[before].piece, series[after].piece)
        if not all(piece and piece.touches_border for piece in ends):
            yield from ((Code.MISSING_BETWEEN, x.name) for x in series[before + 1 : after])


def _neighbours(above: Level, below: Level) -> Iterator[tuple[Code, str]]:
    code = None
    if below.height_mm > above.height_mm + ORDER_TOLERANCE_MM:
        code = Code.NEIGHBOURS_SWAPPED
    elif below.number == above.number + 1 and not _cut(above, below):
        code = _wrong_distance(above, below)
    if code:
        yield code, above.name
        yield code, below.name


def _wrong_distance(above: Level, below: Level) -> Code | None:
    assert above.piece is not None
    assert below.piece is not None
    if above.height_mm - below.height_mm > FARTHEST_MM:
        return Code.TOO_FAR
    distance_mm = math.dist(above.piece.centroid_mm, below.piece.centroid_mm)
    return Code.TOO_CLOSE if distance_mm < CLOSEST_MM else None


def _uneven(left: Level, right: Level) -> bool:
    return not _cut(left, right) and abs(left.height_mm - right.height_mm) > UNEVEN_MM


def _levels_disagree(
    vertebrae: Mapping[int, Level], ribs: Sequence[Level]
) -> Iterator[tuple[Code, str]]:
    """Compares the count of the ribs with that of the vertebrae."""
    steps = {}
    for rib in ribs:
        at = vertebrae.get(rib.number + FIRST_THORACIC - 1)
        next_one = vertebrae.get(rib.number + FIRST_THORACIC)
        if at and next_one and not _cut(rib, at, next_one):
            pitch_mm = at.height_mm - next_one.height_mm
            if pitch_mm > CLOSEST_MM:
                steps[rib.name] = (rib.height_mm - at.height_mm) / pitch_mm
    if len(steps) >= FEW and not LEVELS_BELOW <= median(steps.values()) <= LEVELS_ABOVE:
        yield from ((Code.LEVELS_DISAGREE, name) for name in steps)


def _by_number(series: Sequence[Level]) -> Mapping[int, Level]:
    return {x.number: x for x in series if x.piece}


def _cut(*levels: Level) -> bool:
    """Whether the CT's border cuts one of them, so that its place is not its own."""
    return any(x.piece is not None and x.piece.touches_border for x in levels)
