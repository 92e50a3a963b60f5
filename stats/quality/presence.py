"""What has to be in a CT, and how far it has to reach, where its neighbours are whole.

Which neighbours is data, in presence.csv; where it comes from is said in docs/reference/quality.md.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from stats.quality.codes import Code, Finding
from stats.quality.observed import Judged, ObservedStructure, whole_only


@dataclass(frozen=True, slots=True)
class Presence:
    """When a structure has to be there.

    Attributes:
        structure: its name.
        given: where all of these are whole in the CT, so is its place.
        up_to, down_to: whole neighbours that it stands beside, or above and below; None where it
            may end anywhere.
    """

    structure: str
    given: frozenset[str]
    up_to: str | None
    down_to: str | None


@cache
def load_presence() -> Sequence[Presence]:
    """All rules; a structure may have several."""
    text = resources.files("stats.quality").joinpath("presence.csv").read_text(encoding="utf-8")
    return [
        Presence(
            row["structure"],
            frozenset(row["given"].split()),
            row["reaches_up_to"] or None,
            row["reaches_down_to"] or None,
        )
        for row in csv.DictReader(text.splitlines())
    ]


def presence_findings(seen: Sequence[ObservedStructure], judged: Judged) -> Iterator[Finding]:
    """Structures missing altogether, and such as end before they reach their neighbour.

    Args:
        seen: every structure of the schema; no other can be missing.
        judged: those that there is enough of.
    """
    whole = whole_only(judged)
    of_schema = {one.name: one for one in seen}
    for rule in load_presence():
        one = of_schema.get(rule.structure)
        if one is None or not rule.given <= whole.keys():
            continue
        if one.size_error is Code.REMNANT or one.location is None:
            yield Code.MISSING, rule.structure
        elif rule.structure in whole and not _reaches(rule, whole):
            yield Code.INCOMPLETE, rule.structure


def _reaches(rule: Presence, whole: Judged) -> bool:
    """Whether its heights overlap with those of the neighbours that it should reach."""
    own = whole[rule.structure].place
    upper, lower = whole.get(rule.up_to or ""), whole.get(rule.down_to or "")
    return (upper is None or own.high_mm[2] >= upper.place.low_mm[2]) and (
        lower is None or own.low_mm[2] <= lower.place.high_mm[2]
    )
