"""Is what was measured in one CT plausible: every check, one after the other.

Works on what one pass of measuring knows (stats.measure), not on voxels. What cannot be judged is
not judged: a structure that the CT's border cuts has no shape to compare, and border contact itself
is a note (`touches_border`, status truncated), never a finding.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from stats.label_map.locations import Piece
from stats.quality.attenuation import attenuation_findings
from stats.quality.codes import JOINED_BY, Code, Finding
from stats.quality.limits import Limits, load_limits
from stats.quality.observed import Judged, ObservedStructure
from stats.quality.order import Level, order_findings
from stats.quality.places import place_findings
from stats.quality.presence import presence_findings
from stats.quality.proportions import proportion_findings
from stats.quality.scale import scale_findings

COMPARABLE: Final = 0.3
"""Share of the largest piece's size from which on a second piece is more than stray voxels."""

APART_MM: Final = 20.0
"""Gap between the boxes of two pieces: nearer, they may be one organ with a gap of a few voxels."""


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
    yield from ((s.size_error, s.name) for s in seen if s.size_error and s.whole)
    judged = {s.name: s for s in seen if s.location is not None and not s.size_error}
    yield from _shape(judged)
    yield from attenuation_findings(judged)
    misplaced = list(place_findings(judged))
    yield from misplaced
    in_place = judged.keys() - {name for _, name in misplaced}
    # what lies elsewhere cannot say where its neighbours should be
    yield from presence_findings(seen, {name: judged[name] for name in in_place})
    yield from proportion_findings(judged)
    yield from scale_findings(seen, judged)
    yield from order_findings([_level(s) for s in seen if s.structure.sequence is not None])


def _level(one: ObservedStructure) -> Level:
    assert one.structure.sequence is not None
    piece = None if one.size_error else one.main
    return Level(one.name, one.structure.side, one.structure.sequence, piece)


def _shape(judged: Judged) -> Iterator[Finding]:
    """Doubled, in pieces, or more of it than there can be."""
    for one in judged.values():
        bounds = load_limits().get(one.name, Limits())
        yield from _pieces(one, bounds)
        if bounds.upper_volume_ml is not None and one.volume_ml > bounds.upper_volume_ml:
            # an organ may be diseased; no disease makes a bone, muscle or vessel as large as that
            organ = one.structure.category == "organ"
            yield Code.TOO_LARGE if organ else Code.OVERGROWN, one.name


def _pieces(one: ObservedStructure, bounds: Limits) -> Iterator[Finding]:
    assert one.location is not None
    if bounds.compact and _doubled(one.location.pieces):
        yield Code.DOUBLED, one.name
    elif one.whole and one.location.largest_fraction < bounds.min_largest_fraction:
        yield Code.FRAGMENTED, one.name


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
