"""What a structure is called in codes: SNOMED CT, as DICOM's segments and reports take it."""

from __future__ import annotations

from typing import Final, NamedTuple

from highdicom.sr.coding import CodedConcept

from segment_actor.anatomy import Structure, display_name, without_side

SNOMED: Final = "SCT"
OWN: Final = "99CTCOHORT"
"""Designator of our own codes: PS3.16, 8.2 has private ones begin with 99."""

ANATOMY: Final = ("91723000", "Anatomical Structure")
MORPHOLOGY: Final = ("49755003", "Morphologically Abnormal Structure")
"""Of CID 7150, segmentation property categories."""

SIDES: Final = {"left": ("7771000", "Left"), "right": ("24028007", "Right")}
"""Of CID 244, laterality."""

CORRECTED: Final = {"subclavian_artery_left": "85235006"}
"""29700009, which the mapping published with TotalSegmentator has for both sides, is the right one
alone (CID 12291)."""

NAMES_THE_SIDE: Final = frozenset({
    "82471001", "73829009", "87878005", "53085002",  # chambers of the heart
    "72481006",  # middle lobe of the right lung
    "29700009", "85235006",  # subclavian arteries
})  # fmt: skip
"""Codes that have the side in their meaning: a second word for it would be said twice."""

LIES_IN: Final = {"kidney_cyst": ("64033007", "kidney")}
"""What is no anatomy, by its name without the side, and the organ that it lies in; the side is that
of the organ."""


class Coded(NamedTuple):
    """A structure in codes.

    Attributes:
        category: anatomy, or something abnormal.
        kind: what it is.
        site: what it lies in; None for anatomy.
        side: of the site, else of the structure; None if it has none, or `kind` says it.
    """

    category: CodedConcept
    kind: CodedConcept
    site: CodedConcept | None
    side: CodedConcept | None


def coded(structure: Structure) -> Coded:
    """The codes of a structure. One without a SNOMED code has its name, in a scheme of our own."""
    code = CORRECTED.get(structure.name, structure.snomed)
    names_side = code in NAMES_THE_SIDE
    words = structure.name if names_side else without_side(structure.name)
    site = LIES_IN.get(words)
    side = None if names_side or not structure.side else SIDES[structure.side]
    return Coded(
        category=_concept(MORPHOLOGY if site else ANATOMY),
        kind=CodedConcept(code or words, SNOMED if code else OWN, display_name(words)),
        site=_concept(site) if site else None,
        side=_concept(side) if side else None,
    )


def own(code: str, meaning: str) -> CodedConcept:
    """A code that DICOM has none for."""
    return CodedConcept(code, OWN, meaning)


def _concept(pair: tuple[str, str]) -> CodedConcept:
    code, meaning = pair
    return CodedConcept(code, SNOMED, meaning)
