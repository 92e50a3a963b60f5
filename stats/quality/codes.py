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
    """What is to be thought of a structure, or of a CT."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"


class Concern(StrEnum):
    """What a finding speaks of: all of the CT, or the structures that it names."""

    CT = "ct"
    STRUCTURES = "structures"


class Code(StrEnum):
    """What was found; the value stands in `qc_reasons`."""

    NOTHING_FOUND = "nothing_found"
    HU_RESCALED = "hu_rescaled"
    HU_SHIFTED = "hu_shifted"
    WRONG_SCALE = "wrong_scale"
    MIRRORED = "mirrored"
    ORGANS_MIRRORED = "organs_mirrored"
    HU_IMPLAUSIBLE = "hu_implausible"
    SIDES_EXCHANGED = "sides_exchanged"
    PLACES_EXCHANGED = "places_exchanged"
    NEIGHBOURS_SWAPPED = "neighbours_swapped"
    OVERGROWN = "overgrown"
    MISSING = "missing"
    INCOMPLETE = "incomplete"
    MISSING_BETWEEN = "missing_between"
    TOO_CLOSE = "too_close"
    TOO_FAR = "too_far"
    OUT_OF_STEP = "out_of_step"
    SIDES_UNEVEN = "sides_uneven"
    SIDES_UNEQUAL = "sides_unequal"
    LEVELS_DISAGREE = "levels_disagree"
    DOUBLED = "doubled"
    FRAGMENTED = "fragmented"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    REMNANT = "remnant"


Finding = tuple[Code, str]
"""A code and the name of a structure that it concerns."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code for a person.

    Attributes:
        verdict: what one finding of this kind makes of what it concerns: fail where the image or
            the names of structures are wrong, warn where someone should look before the number is
            used, pass where nobody need to.
        concerns: all of the CT, whose every structure shares the verdict; or only the structures
            that it names.
        sentence: what was seen and what it may mean.
    """

    verdict: Verdict
    concerns: Concern
    sentence: str


def _of_ct(sentence: str) -> Meaning:
    return Meaning(Verdict.FAIL, Concern.CT, sentence)


def _fail(sentence: str) -> Meaning:
    return Meaning(Verdict.FAIL, Concern.STRUCTURES, sentence)


def _warn(sentence: str) -> Meaning:
    return Meaning(Verdict.WARN, Concern.STRUCTURES, sentence)


MEANINGS: Final[Mapping[Code, Meaning]] = {
    Code.NOTHING_FOUND: _of_ct(
        "No structure was found: not a CT of a body, or not one that the models know."
    ),
    Code.HU_RESCALED: _of_ct(
        "The values are not Hounsfield units: the image was rescaled, or lacks its intercept."
    ),
    Code.HU_SHIFTED: _of_ct(
        "Muscle has values that muscle cannot have, and nothing that was measured speaks against "
        "it: all values are shifted."
    ),
    Code.WRONG_SCALE: _of_ct(
        "Spine and trunk have a size or proportions that no body has: the voxel size in the "
        "header is wrong."
    ),
    Code.MIRRORED: _of_ct(
        "Every left structure lies right of its right partner: left and right are exchanged."
    ),
    Code.ORGANS_MIRRORED: _of_ct(
        "Liver, spleen, stomach and the great vessels lie on each other's side: the image is "
        "mirrored, or a situs inversus."
    ),
    Code.HU_IMPLAUSIBLE: _warn("The mean attenuation lies outside what this tissue can have."),
    Code.SIDES_EXCHANGED: _fail(
        "The left structure lies right of its right partner: their labels are exchanged, or one "
        "of them lies on the wrong side."
    ),
    Code.PLACES_EXCHANGED: _fail(
        "It does not lie above, in front of or right of the organ that it should: their labels "
        "are exchanged, or it is something else."
    ),
    Code.NEIGHBOURS_SWAPPED: _fail(
        "It stands out of the order of its series: numbers are mixed up, or it is something else."
    ),
    Code.OVERGROWN: _fail(
        "There is more of it than any bone, muscle or vessel of its kind has: a table, a cast or "
        "a neighbour was taken for it."
    ),
    Code.MISSING: _warn(
        "It is missing, or too small, though what surrounds it is whole in the CT: overlooked, "
        "called by another name, removed by surgery, or a variant of anatomy."
    ),
    Code.INCOMPLETE: _warn(
        "It lies whole in the CT and does not reach as far as the neighbour that it should: a "
        "part of it may be missing."
    ),
    Code.MISSING_BETWEEN: _warn(
        "It is missing, or too small, though one above and one below it were found: overlooked, "
        "numbers mixed up, or a variant of anatomy."
    ),
    Code.TOO_CLOSE: _warn("It nearly coincides with its neighbour: one bone may carry two labels."),
    Code.TOO_FAR: _warn(
        "It is too far from its neighbour for successive numbers: one may be skipped."
    ),
    Code.OUT_OF_STEP: _warn(
        "Its volume is out of proportion to that of the next above or below: a part of one may "
        "carry the other's name, or it is broken."
    ),
    Code.SIDES_UNEVEN: _warn(
        "Left and right rib of this number begin at different heights: one side may be miscounted."
    ),
    Code.SIDES_UNEQUAL: _warn(
        "Left and right differ in volume by more than sound ones do: one may be incomplete, or "
        "hold a part of a neighbour."
    ),
    Code.LEVELS_DISAGREE: _warn(
        "The ribs do not begin at the vertebrae of their number: one series is miscounted."
    ),
    Code.DOUBLED: _warn(
        "A second piece of comparable size lies apart: another organ with the same label, or a "
        "transplant."
    ),
    Code.FRAGMENTED: _warn("Much of it lies apart from its largest piece."),
    Code.TOO_SMALL: _warn(
        "It lies whole in the CT, and its volume is below half of the lower cut-off."
    ),
    Code.TOO_LARGE: _warn("Its volume is above a generous upper bound."),
    Code.REMNANT: Meaning(
        Verdict.PASS,
        Concern.STRUCTURES,
        "Only stray voxels, below a tenth of the lower cut-off or one millilitre: take the "
        "structure as absent.",
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
        fail where a finding concerns all of the CT, warn where structures fail or ask for a look;
        and each code with its structures, e.g. "neighbours_swapped: vertebrae_L1, vertebrae_L2;
        too_small: spleen", None without findings.
    """
    found = findings_by_code(structures)
    reasons = [f"{c}: {', '.join(names)}" if names else c.value for c, names in found.items()]
    return _worst(_for_the_ct(code) for code in found), JOINED_BY.join(reasons) or None


def structure_verdicts(structures: Iterable[JudgedRow]) -> Mapping[str, Verdict]:
    """The verdict on each structure of a CT.

    Args:
        structures: all rows of the CT.

    Returns:
        name of each structure to the worst of its own findings and, if it has a voxel, of those
        that concern all of the CT.
    """
    rows = list(structures)
    of_ct = _worst(
        MEANINGS[code].verdict
        for code in findings_by_code(rows)
        if MEANINGS[code].concerns is Concern.CT
    )
    return {
        name: _worst(
            [of_ct if voxels else Verdict.PASS]
            + [MEANINGS[code].verdict for code in split_codes(reasons)]
        )
        for name, voxels, reasons in rows
    }


def _for_the_ct(code: Code) -> Verdict:
    """What a finding makes of the CT: a wrong structure asks for a look at it and no more."""
    meaning = MEANINGS[code]
    wrong_structure = meaning.concerns is Concern.STRUCTURES and meaning.verdict is Verdict.FAIL
    return Verdict.WARN if wrong_structure else meaning.verdict


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    there = set(verdicts)
    return next((v for v in (Verdict.FAIL, Verdict.WARN) if v in there), Verdict.PASS)


def codes_table() -> pa.Table:
    """Every code, its verdict, on what it is, and its sentence: the view `qc_codes`."""
    rows = [
        {
            "code": code.value,
            "verdict": said.verdict.value,
            "concerns": said.concerns.value,
            "sentence": said.sentence,
        }
        for code, said in MEANINGS.items()
    ]
    return pa.Table.from_pylist(rows)
