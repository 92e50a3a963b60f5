"""What structures are called in codes, held against DICOM's own dictionary."""

from __future__ import annotations

import pytest
from pydicom.sr import _concepts_dict

from segment_actor.anatomy import Structure, load_schema, schema_names
from segment_actor.writing.dicom.codes import SIDES, coded

STRUCTURES = {s.name: s for name in schema_names() for s in load_schema(name).structures}

MEANINGS: dict[str, str] = {}
"""SNOMED code to all that the dictionary of DICOM calls it, lower case."""
DICTIONARY: dict[str, dict[str, tuple[str, list[int]]]] = _concepts_dict.concepts["SCT"]  # type: ignore[assignment]
for entry in DICTIONARY.values():
    for code, (meaning, _) in entry.items():
        MEANINGS[code] = f"{MEANINGS.get(code, '')} {meaning.lower()}"


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES.keys())
def test_every_structure_has_a_snomed_code_and_its_side_once(structure: Structure) -> None:
    codes = coded(structure)
    assert codes.kind.scheme_designator == "SCT"
    said = MEANINGS.get(codes.kind.value, "")
    if structure.side:
        other = "right" if structure.side == "left" else "left"
        assert other not in said.split()
        assert (structure.side in said.split()) != (codes.side is not None)
    else:
        assert codes.side is None
        assert not {"left", "right"} & {*said.split()}


def test_the_dictionary_knows_most_of_the_codes() -> None:
    known = [s for s in STRUCTURES.values() if coded(s).kind.value in MEANINGS]
    assert len(known) >= 86  # of 139; ribs and most muscles are not in it


def test_no_two_structures_have_the_same_codes() -> None:
    for name in schema_names():
        codes = [
            (c.kind.value, c.side.value if c.side else None)
            for c in map(coded, load_schema(name).structures)
        ]
        assert len(codes) == len(set(codes))


def test_a_kidney_is_anatomy_with_its_side_as_modifier() -> None:
    codes = coded(STRUCTURES["kidney_left"])
    assert (codes.category.value, codes.kind.value) == ("91723000", "64033007")
    assert (codes.kind.meaning, codes.site) == ("kidney", None)
    assert codes.side is not None
    assert (codes.side.value, codes.side.meaning) == SIDES["left"]


def test_a_cyst_is_no_anatomy_but_lies_in_a_kidney_that_has_the_side() -> None:
    codes = coded(STRUCTURES["kidney_cyst_right"])
    assert (codes.category.value, codes.kind.value) == ("49755003", "367643001")
    assert codes.site is not None
    assert codes.side is not None
    assert (codes.site.value, codes.side.meaning) == ("64033007", "Right")


def test_the_left_subclavian_artery_has_not_the_code_of_the_right() -> None:
    left, right = (coded(STRUCTURES[f"subclavian_artery_{side}"]) for side in ("left", "right"))
    assert "left" in MEANINGS[left.kind.value]
    assert "right" in MEANINGS[right.kind.value]


def test_a_structure_without_a_code_has_its_name_in_a_scheme_of_our_own() -> None:
    unknown = Structure(1, "coronary_stent_left", "vessel", "left", None, None, None, None)
    codes = coded(unknown)
    assert (codes.kind.value, codes.kind.scheme_designator) == ("coronary_stent", "99CTCOHORT")
    assert codes.side is not None
