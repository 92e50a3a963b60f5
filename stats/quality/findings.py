"""Is each structure plausible: in its pieces, its size, its attenuation, its side and its order.

Works on what one pass of measuring knows (stats.measure), not on voxels. What cannot be judged is
not judged: a structure that the CT's border cuts has no shape to compare, and border contact itself
is a note (`touches_border`, status truncated), never a finding.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from segment_actor.anatomy import Structure
from stats.label_map.locations import Location, Piece
from stats.quality.codes import JOINED_BY, Code
from stats.quality.limits import Limits, load_limits
from stats.quality.order import Level, order_findings

Finding = tuple[Code, str]
"""A code and the name of a structure that it concerns."""

NARROW_HU: Final = 100
"""No CT of a body has a smaller range (the bound at which reading refuses a CT as well)."""

TOO_SMALL: Final = 0.5
"""Share of the schema's lower volume below which a structure is too small. Table S1 of the paper
cuts between small and failed, for statistics (status implausible), and a short woman's T8 may lie
just below. Half of it is no one's."""

REMNANT: Final = 0.1
"""Share of the schema's lower volume below which there are only a few stray voxels, which models
leave in CTs where the structure is not, or the first slice of it at the edge of the CT. As good as
absent, and not judged in any other way."""

LOWEST_ML: Final = 1.0
"""The lower volume where the schema has none: that of the smallest structures in Table S1."""

FEW: Final = 3
"""Fewer structures, or pairs, are no evidence about a whole CT."""

COMPARABLE: Final = 0.3
"""Share of the largest piece's size from which on a second piece is more than stray voxels."""

APART_MM: Final = 20.0
"""Gap between the boxes of two pieces: nearer, they may be one organ with a gap of a few voxels."""

SIDE_TOLERANCE_MM: Final = 5.0
"""How far paired structures at the midline (iliac veins at their confluence) may cross it."""


@dataclass(frozen=True, slots=True)
class ObservedStructure:
    """One structure that was looked for, and what was measured of it.

    Attributes:
        structure: its name, side and lower volume, from the schema.
        location: where it lies; None if absent. The numbers are 0 then.
        volume_ml: volume in the CT.
        hu_mean, hu_min, hu_max: attenuation, HU.
    """

    structure: Structure
    location: Location | None
    volume_ml: float = 0.0
    hu_mean: float = 0.0
    hu_min: int = 0
    hu_max: int = 0

    @property
    def main(self) -> Piece | None:
        """Its largest piece, None if absent."""
        return self.location.pieces[0] if self.location else None

    @property
    def whole(self) -> bool:
        """Whether it is in the CT, and not cut by its border."""
        return self.location is not None and not self.location.touches_border

    @property
    def size_error(self) -> Code | None:
        """Whether there is too little of it to be judged in any other way."""
        share = self.volume_ml / (self.structure.lower_volume_ml or LOWEST_ML)
        if share < REMNANT:
            return Code.REMNANT
        return Code.TOO_SMALL if self.whole and share < TOO_SMALL else None


def reasons_by_structure(seen: Sequence[ObservedStructure]) -> Mapping[str, str]:
    """What is wrong with the structures of one CT.

    Args:
        seen: every structure of the schema.

    Returns:
        name of a structure to its codes in alphabetical order, joined; none for sound ones.
    """
    found: dict[str, set[Code]] = defaultdict(set)
    for code, name in _findings(seen):
        found[name].add(code)
    return {name: JOINED_BY.join(sorted(codes)) for name, codes in found.items()}


def _findings(seen: Sequence[ObservedStructure]) -> Iterator[Finding]:
    there = [s for s in seen if s.location is not None]
    yield from ((s.size_error, s.structure.name) for s in there if s.size_error and s.whole)
    judged = [s for s in there if not s.size_error]
    for one in judged:
        bounds = load_limits().get(one.structure.name, Limits())
        yield from _pieces(one, bounds)
        if bounds.upper_volume_ml is not None and one.volume_ml > bounds.upper_volume_ml:
            yield Code.TOO_LARGE, one.structure.name
    yield from _attenuation(judged)
    yield from _sides(judged)
    yield from order_findings([_level(s) for s in seen if s.structure.sequence is not None])


def _pieces(one: ObservedStructure, bounds: Limits) -> Iterator[Finding]:
    assert one.location is not None
    if bounds.compact and _doubled(one.location.pieces):
        yield Code.DOUBLED, one.structure.name
    elif one.whole and one.location.largest_fraction < bounds.min_largest_fraction:
        yield Code.FRAGMENTED, one.structure.name


def _doubled(pieces: Sequence[Piece]) -> bool:
    if len(pieces) == 1:
        return False
    first, second = pieces
    comparable = second.fraction >= COMPARABLE * first.fraction and not second.touches_border
    return comparable and _gap_mm(first, second) > APART_MM


def _gap_mm(one: Piece, two: Piece) -> float:
    """Distance of the boxes around two pieces."""
    return math.hypot(
        *(
            max(0.0, one.low_mm[axis] - two.high_mm[axis], two.low_mm[axis] - one.high_mm[axis])
            for axis in range(3)
        )
    )


def _attenuation(there: Sequence[ObservedStructure]) -> Iterator[Finding]:
    bounds = [load_limits().get(s.structure.name, Limits()) for s in there]
    odd = [
        s
        for s, b in zip(there, bounds, strict=True)
        if not b.hu_mean_low <= s.hu_mean <= b.hu_mean_high
    ]
    if len(there) >= FEW and _rescaled(there, odd):
        yield from ((Code.HU_RESCALED, s.structure.name) for s in there)
    else:
        yield from ((Code.HU_IMPLAUSIBLE, s.structure.name) for s in odd)


def _rescaled(there: Sequence[ObservedStructure], odd: Sequence[ObservedStructure]) -> bool:
    """A range that no body has, nothing below water (noise alone goes there), or most are odd."""
    low, high = min(s.hu_min for s in there), max(s.hu_max for s in there)
    return high - low < NARROW_HU or low >= 0 or 2 * len(odd) > len(there)


def _sides(there: Sequence[ObservedStructure]) -> Iterator[Finding]:
    right_of_centre = {s.structure.name: s.main.centroid_mm[0] for s in there if s.main}
    pairs = [
        (name, partner)
        for name in right_of_centre
        if "left" in name and (partner := name.replace("left", "right")) in right_of_centre
    ]
    exchanged = [
        (left, right)
        for left, right in pairs
        if right_of_centre[left] > right_of_centre[right] + SIDE_TOLERANCE_MM
    ]
    code = Code.MIRRORED if FEW <= len(pairs) == len(exchanged) else Code.SIDES_EXCHANGED
    yield from ((code, name) for pair in exchanged for name in pair)
    liver, spleen = right_of_centre.get("liver"), right_of_centre.get("spleen")
    if liver is not None and spleen is not None and liver < spleen:
        yield from ((Code.ORGANS_MIRRORED, name) for name in ("liver", "spleen"))


def _level(one: ObservedStructure) -> Level:
    assert one.structure.sequence is not None
    piece = None if one.size_error else one.main
    return Level(one.structure.name, one.structure.side, one.structure.sequence, piece)
