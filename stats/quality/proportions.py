"""Volumes against each other: left and right, and the members of a series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from segment_actor.anatomy import Side
from stats.quality.codes import Code, Finding
from stats.quality.limits import Limits, load_limits
from stats.quality.observed import Judged, ObservedStructure, whole_only

SERIES: Final[Mapping[bool, tuple[range, float]]] = {
    False: (range(3, 24), 1.7),
    True: (range(3, 10), 2.0),
}
"""Whether ribs: which numbers are compared with their neighbours, and by what factor they may
differ from the mean of the two. Volumes of vertebrae rise from C3 to L5 by some 8 % a step, of ribs
to the seventh and fall from there; a fracture takes up to 40 % of a vertebra's height (grade 3:
Genant et al., J Bone Miner Res 1993;8:1137). On 200 phantoms (seeds 20000 to 20199) vertebrae
differ by a factor of 1.3 at most, ribs by 1.1. C1 and C2 are like no other; L5 has no second neighbour."""


def proportion_findings(judged: Judged) -> Iterator[Finding]:
    """Pairs whose sides differ too much, vertebrae and ribs that differ from both neighbours."""
    whole = whole_only(judged)
    yield from _sides(whole)
    yield from _steps(whole)


def _sides(whole: Judged) -> Iterator[Finding]:
    for name, left in whole.items():
        most = load_limits().get(name, Limits()).sides_ratio
        right = whole.get(name.replace("left", "right"))
        if left.structure.side != "left" or most is None or right is None:
            continue
        ratio = left.volume_ml / right.volume_ml
        if not 1 / most <= ratio <= most:
            yield Code.SIDES_UNEQUAL, left.name
            yield Code.SIDES_UNEQUAL, right.name


def _steps(whole: Judged) -> Iterator[Finding]:
    series: dict[tuple[Side | None, int], ObservedStructure] = {
        (s.structure.side, s.structure.sequence): s
        for s in whole.values()
        if s.structure.sequence is not None
    }
    for (side, number), one in series.items():
        numbers, most = SERIES[side is not None]
        above, below = series.get((side, number - 1)), series.get((side, number + 1))
        if number not in numbers or above is None or below is None:
            continue
        ratio = 2 * one.volume_ml / (above.volume_ml + below.volume_ml)
        if not 1 / most <= ratio <= most:
            yield Code.OUT_OF_STEP, one.name
