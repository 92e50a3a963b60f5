"""Is a millimetre of the CT's header a millimetre: the size of spine and trunk.

Heights are the steps between successive vertebrae, which a body of any size has in proportion to
its breadth. A wrong slice spacing changes one and not the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final

from stats.quality.codes import Code, Finding
from stats.quality.observed import Judged, ObservedStructure, whole_only

STEP_MM: Final[Mapping[str, float]] = {"C": 125 / 7, "T": 280 / 12, "L": 180 / 5}
"""Height of a vertebra with its disc: cervical, thoracic and lumbar spine are 12.5, 28 and 18 cm
long (Gray's Anatomy, 1918, "The Vertebral Column as a Whole")."""

BREADTH_MM: Final[Mapping[str, float]] = {
    "hip": 275.0,
    "rib_6": 255.0,
    "rib_7": 265.0,
    "rib_8": 265.0,
    "rib_9": 260.0,
}
"""Right edge to left edge of a pair of bones. Bi-iliac breadth 27 to 28 cm in both sexes (Ruff, J
Hum Evol 1991;21:81); the rib cage is 24 to 29 cm wide where it is widest. `SHAPE` is far wider than
the error of either."""

BODY: Final = (0.25, 1.6)
"""Size of the spine against an adult's: a newborn's is 20 of 70 cm, the tallest man's 1.55."""

SHAPE: Final = (0.65, 1.45)
"""Height against breadth, an adult's being 1: on 200 phantoms (seeds 20000 to 20199) 0.75 to 1.05.
A slice spacing halved or doubled makes 0.5 or 2 of it."""

SIDES: Final = ("left", "right")

FEW: Final = 3
"""Fewer steps, or stray labels, are no evidence about a whole CT."""


def scale_findings(seen: Sequence[ObservedStructure], judged: Judged) -> Iterator[Finding]:
    """Nothing but stray amounts of everything, or a spine and a trunk that no body has."""
    whole = [s for s in seen if s.whole]
    if len(whole) >= FEW and all(s.size_error is Code.REMNANT for s in whole) and not judged:
        yield from ((Code.WRONG_SCALE, s.name) for s in whole)
        return
    steps = _steps(judged)
    if len(steps) < FEW:
        return
    height = median(steps.values())
    breadths = _breadths(whole_only(judged))
    shape = height / median(breadths.values()) if breadths else None
    if not _within(height, BODY) or (shape is not None and not _within(shape, SHAPE)):
        yield from ((Code.WRONG_SCALE, name) for name in steps)


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _steps(judged: Judged) -> Mapping[str, float]:
    """Name of a whole vertebra to the step down to the next one, an adult's being 1."""
    spine = {
        s.structure.sequence: s for s in judged.values() if s.whole and _region(s.name) in STEP_MM
    }
    pairs = [(s, spine[n + 1]) for n, s in spine.items() if n is not None and n + 1 in spine]
    return {
        upper.name: 2
        * (upper.place.centroid_mm[2] - lower.place.centroid_mm[2])
        / (STEP_MM[_region(upper.name)] + STEP_MM[_region(lower.name)])
        for upper, lower in pairs
    }


def _region(name: str) -> str:
    """C, T or L of a vertebra's name; no key of `STEP_MM` for other structures."""
    return name.removeprefix("vertebrae_")[0] if name.startswith("vertebrae_") else ""


def _breadths(whole: Judged) -> Mapping[str, float]:
    """Pair to its breadth, an adult's being 1; also where left and right are exchanged."""
    found = {}
    for pair, adult_mm in BREADTH_MM.items():
        both = [whole[n].place for side in SIDES if (n := _of_side(pair, side)) in whole]
        if len(both) == len(SIDES):
            edges_mm = [mm for place in both for mm in (place.low_mm[0], place.high_mm[0])]
            found[pair] = (max(edges_mm) - min(edges_mm)) / adult_mm
    return found


def _of_side(pair: str, side: str) -> str:
    """rib_left_6 of rib_6, hip_left of hip."""
    kind, *number = pair.split("_")
    return "_".join([kind, side, *number])
