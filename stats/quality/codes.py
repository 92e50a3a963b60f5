"""What quality control can find, in words, and the verdict on a whole CT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pyarrow as pa

JOINED_BY: Final = "; "
"""Stands between the codes of one structure, and between the reasons of one CT."""


JudgedRow = tuple[str, int, str | None]
"""What a verdict needs of a row of `structures`: name, voxel count and `qc_reasons`."""


class Verdict(StrEnum):
    """What is to be thought of a CT: the worst of its findings."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"


class Code(StrEnum):
    """What was found; the value stands in `qc_reasons`."""

    NOTHING_FOUND = "nothing_found"
    HU_RESCALED = "hu_rescaled"
    HU_IMPLAUSIBLE = "hu_implausible"
    MIRRORED = "mirrored"
    ORGANS_MIRRORED = "organs_mirrored"
    SIDES_EXCHANGED = "sides_exchanged"
    NEIGHBOURS_SWAPPED = "neighbours_swapped"
    MISSING_BETWEEN = "missing_between"
    TOO_CLOSE = "too_close"
    TOO_FAR = "too_far"
    SIDES_UNEVEN = "sides_uneven"
    LEVELS_DISAGREE = "levels_disagree"
    DOUBLED = "doubled"
    FRAGMENTED = "fragmented"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    REMNANT = "remnant"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code for a person.

    Attributes:
        verdict: what one finding of this kind makes of the CT: fail where the image or the names of
            structures are wrong, warn where someone should look before the number is used, pass
            where nobody need to.
        sentence: what was seen and what it may mean.
    """

    verdict: Verdict
    sentence: str


_FAIL, _WARN = Verdict.FAIL, Verdict.WARN

MEANINGS: Final[Mapping[Code, Meaning]] = {
    Code.NOTHING_FOUND: Meaning(
        _FAIL, "No structure was found: not a CT of a body, or not one that the models know."
    ),
    Code.HU_RESCALED: Meaning(
        _FAIL,
        "The values are not Hounsfield units: the image was rescaled, or lacks its intercept.",
    ),
    Code.HU_IMPLAUSIBLE: Meaning(
        _WARN, "The mean attenuation lies outside what this tissue can have."
    ),
    Code.MIRRORED: Meaning(
        _FAIL, "Every left structure lies right of its right partner: left and right are exchanged."
    ),
    Code.ORGANS_MIRRORED: Meaning(
        _FAIL, "The liver lies left of the spleen: the image is mirrored, or a situs inversus."
    ),
    Code.SIDES_EXCHANGED: Meaning(
        _FAIL, "The left structure lies right of its right partner: their labels are exchanged."
    ),
    Code.NEIGHBOURS_SWAPPED: Meaning(
        _FAIL, "It does not stand above the next one of its series: numbers are mixed up."
    ),
    Code.MISSING_BETWEEN: Meaning(
        _WARN,
        "It is missing, or too small, though one above and one below it were found: overlooked, "
        "numbers mixed up, or a variant of anatomy.",
    ),
    Code.TOO_CLOSE: Meaning(
        _WARN, "It nearly coincides with its neighbour: one bone may carry two labels."
    ),
    Code.TOO_FAR: Meaning(
        _WARN, "It is too far from its neighbour for successive numbers: one may be skipped."
    ),
    Code.SIDES_UNEVEN: Meaning(
        _WARN,
        "Left and right rib of this number begin at different heights: one side may be miscounted.",
    ),
    Code.LEVELS_DISAGREE: Meaning(
        _WARN, "The ribs do not begin at the vertebrae of their number: one series is miscounted."
    ),
    Code.DOUBLED: Meaning(
        _WARN,
        "A second piece of comparable size lies apart: another organ with the same label, or a "
        "transplant.",
    ),
    Code.FRAGMENTED: Meaning(_WARN, "Much of it lies apart from its largest piece."),
    Code.TOO_SMALL: Meaning(
        _WARN,
        "It lies whole in the CT, and its volume is below half of the lower cut-off.",
    ),
    Code.TOO_LARGE: Meaning(_WARN, "Its volume is above a generous upper bound."),
    Code.REMNANT: Meaning(
        Verdict.PASS,
        "Only stray voxels, below a tenth of the lower cut-off: take the structure as absent.",
    ),
}


def split_codes(reasons: str | None) -> list[Code]:
    """The codes in a structure's `qc_reasons`; [] for NULL."""
    return [Code(code) for code in reasons.split(JOINED_BY)] if reasons else []


def findings_by_code(structures: Iterable[JudgedRow]) -> Mapping[Code, Sequence[str]]:
    """Each code that was found in a CT, and the structures that it concerns."""
    rows = list(structures)
    if not any(voxels for _, voxels, _ in rows):
        return {Code.NOTHING_FOUND: ()}
    named = {code: [name for name, _, r in rows if code in split_codes(r)] for code in Code}
    return {code: names for code, names in named.items() if names}


def scan_verdict(structures: Iterable[JudgedRow]) -> tuple[Verdict, str | None]:
    """The verdict on a CT from its rows of `structures`.

    Args:
        structures: all rows of the CT.

    Returns:
        the worst of all findings; and each code with its structures, e.g.
        "neighbours_swapped: vertebrae_L1, vertebrae_L2; too_small: spleen", None without findings.
    """
    found = findings_by_code(structures)
    reasons = [f"{c}: {', '.join(names)}" if names else c.value for c, names in found.items()]
    verdicts = {MEANINGS[code].verdict for code in found}
    worst = next((v for v in (Verdict.FAIL, Verdict.WARN) if v in verdicts), Verdict.PASS)
    return worst, JOINED_BY.join(reasons) or None


def codes_table() -> pa.Table:
    """Every code, the verdict it leads to, and its sentence: the view `qc_codes`."""
    rows = [
        {"code": code.value, "verdict": said.verdict.value, "sentence": said.sentence}
        for code, said in MEANINGS.items()
    ]
    return pa.Table.from_pylist(rows)
