"""Volumes against each other: left and right, and the members of a series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stats.quality.codes import Code, Finding
from stats.quality.limits import Limits, load_limits
from stats.quality.observed import Judged, whole_only


@dataclass(frozen=True, slots=True)
class Steps:
    """How much the successive members of a series may differ in volume.

    Attributes:
        numbers: that are compared with the next one.
        ratio: factor that no two exceed.
    """

    numbers: range
    ratio: float


VERTEBRAE: Final = Steps(range(8, 24), 1.6)
"""T1 to L5: bodies grow steadily (Limthongkul et al., Spine J 2010;10:153); a fracture of grade 3
takes 40 % of the body's height (Genant et al., J Bone Miner Res 1993;8:1137), the body
being some 60 % of the bone. On 200 phantoms (seeds 20000 to 20199) 1.4 at most. In the neck the
axis is like no other, and C7 and T1 differ by as much."""

RIBS: Final = Steps(range(3, 9), 2.0)
"""Ribs 3 to 9 differ little in length; what models leave out of one, they do at its ends."""


def proportion_findings(judged: Judged) -> Iterator[Finding]:
    """Pairs whose sides differ too much, vertebrae and ribs that differ from the next."""
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
    series = {
        (one.structure.side, one.structure.sequence): one
        for one in whole.values()
        if one.structure.sequence is not None
    }
    broken = [
        (one, below)
        for (side, number), one in series.items()
        if (below := series.get((side, (number or 0) + 1)))
        and number in (steps := RIBS if side else VERTEBRAE).numbers
        and not 1 / steps.ratio <= one.volume_ml / below.volume_ml <= steps.ratio
    ]
    # one that fits neither the next above nor the next below is wrong, and these are not
    wrong = Counter(one.name for pair in broken for one in pair)
    for pair in broken:
        most = max(wrong[one.name] for one in pair)
        yield from ((Code.OUT_OF_STEP, one.name) for one in pair if wrong[one.name] == most)
