"""The anatomy says what the paper and the official label maps say."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from segment_actor.anatomy import GROUPS, Structure, category_of, load_schema, schema_names, v1_view
from segment_actor.errors import SetupError

SCHEMAS = ("paper104", "total_v1", "total_v2")


def test_the_schemas_are_the_csv_files_of_the_folder_and_no_others() -> None:
    assert schema_names() == SCHEMAS


@pytest.mark.parametrize("name", ["paper104", "total_v1"])
def test_the_paper_counts_27_organs_59_bones_10_muscles_and_8_vessels(name: str) -> None:
    counts = Counter(s.category for s in load_schema(name).structures)
    assert counts == {"organ": 27, "bone": 59, "muscle": 10, "vessel": 8}


@pytest.mark.parametrize(
    ("name", "count"), [("paper104", 104), ("total_v1", 104), ("total_v2", 117)]
)
def test_ids_count_up_from_one_without_a_gap(name: str, count: int) -> None:
    assert [s.id for s in load_schema(name).structures] == list(range(1, count + 1))


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_that_share_a_name_agree_on_its_category(name: str) -> None:
    for structure in load_schema(name).structures:
        assert category_of(structure.name) == structure.category


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_name_is_given_twice(name: str) -> None:
    assert max(Counter(load_schema(name).names).values()) == 1


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("paper104", [21, 21, 21, 21, 20]),  # the paper, S4
        ("total_v1", [17, 24, 18, 21, 24]),  # official tasks 251 to 255
        ("total_v2", [24, 26, 18, 23, 26]),  # official data sets 291 to 295
    ],
)
def test_five_groups_in_painting_order_share_all_structures(name: str, sizes: list[int]) -> None:
    groups = load_schema(name).groups
    assert tuple(groups) == GROUPS == ("organs", "vertebrae", "cardiac", "muscles", "ribs")
    assert [len(members) for members in groups.values()] == sizes


@pytest.mark.parametrize("name", SCHEMAS)
def test_all_24_ribs_and_24_vertebrae_have_their_number(name: str) -> None:
    structures = load_schema(name).structures
    ribs = [(s.side, s.sequence) for s in structures if s.name.startswith("rib_")]
    assert sorted(ribs, key=str) == sorted(
        [(side, n) for side in ("left", "right") for n in range(1, 13)], key=str
    )
    numbers = {s.name: s.sequence for s in structures if s.name.startswith("vertebrae_")}
    spine = [f"C{n}" for n in range(1, 8)] + [f"T{n}" for n in range(1, 13)]
    spine += [f"L{n}" for n in range(1, 6)]
    assert [numbers[f"vertebrae_{level}"] for level in spine] == list(range(1, 25))


# The middle lobe exists on the right only; of the two atrial appendages, v2 labels the left.
UNPAIRED = {"lung_middle_lobe_right", "atrial_appendage_left"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_structure_with_a_side_has_its_twin_on_the_other(name: str) -> None:
    sided = {s.name: s for s in load_schema(name).structures if s.side and s.name not in UNPAIRED}
    other = {"left": "right", "right": "left"}
    for s in sided.values():
        assert s.side is not None
        twin = sided[s.name.replace(s.side, other[s.side])]
        assert (twin.side, twin.category, twin.sequence) == (other[s.side], s.category, s.sequence)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_side_is_the_one_in_the_name(name: str) -> None:
    for s in load_schema(name).structures:
        found = re.search(r"_(left|right)(_|$)", s.name)
        assert s.side == (found.group(1) if found else None)


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize(
    ("structure", "lower_volume_ml"),
    [
        ("spleen", 40), ("kidney_right", 50), ("kidney_left", 30), ("liver", 100), ("aorta", 80),
        ("vertebrae_L4", 40), ("vertebrae_L3", 30), ("vertebrae_T7", 10), ("vertebrae_C6", 1),
        ("rib_left_1", 1), ("rib_right_10", 10), ("humerus_left", 30), ("humerus_right", 20),
        ("iliac_vena_left", 10), ("gluteus_minimus_right", 30), ("sacrum", 100), ("brain", 1),
        ("urinary_bladder", 40),
    ],
)  # fmt: skip
def test_cut_offs_are_those_of_table_s1(name: str, structure: str, lower_volume_ml: float) -> None:
    schema = load_schema(name)
    assert schema.by_id[schema.ids[structure]].lower_volume_ml == lower_volume_ml


def test_each_of_the_papers_structures_has_a_cut_off_because_table_s1_has_104_rows() -> None:
    assert [s.name for s in load_schema("paper104").structures if s.lower_volume_ml is None] == []


def test_our_104_ids_are_the_official_ones() -> None:
    ours, official = load_schema("paper104"), load_schema("total_v1")
    assert ours.ids == official.ids
    landmarks = {1: "spleen", 2: "kidney_right", 18: "vertebrae_L5", 58: "rib_left_1", 93: "face"}
    assert {n: ours.by_id[n].name for n in landmarks} == landmarks


def test_v2_is_its_five_parts_one_after_the_other() -> None:
    v2 = load_schema("total_v2")
    assert tuple(s for members in v2.groups.values() for s in members) == v2.structures


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_structure_has_a_snomed_code_and_only_twins_share_one(name: str) -> None:
    by_code: dict[str | None, list[Structure]] = {}
    for s in load_schema(name).structures:
        by_code.setdefault(s.snomed, []).append(s)
    assert None not in by_code
    assert all(sorted(str(s.side) for s in same) in (["None"], ["left"], ["right"],
               ["left", "right"]) for same in by_code.values())  # fmt: skip


def test_the_v1_view_has_all_104_names_in_their_order_and_97_of_them_in_v2() -> None:
    view = v1_view()
    assert tuple(view) == load_schema("total_v1").names
    assert {v2 for v2 in view.values() if v2} <= set(load_schema("total_v2").names)
    assert len([v2 for v2 in view.values() if v2]) == 97


def test_what_v1_has_and_v2_has_not_is_none_in_the_view() -> None:
    lost = {v1 for v1, v2 in v1_view().items() if v2 is None}
    chambers = {f"heart_{part}" for part in ("myocardium", "atrium_left", "atrium_right",
                "ventricle_left", "ventricle_right")}  # fmt: skip
    assert lost == chambers | {"pulmonary_artery", "face"}


def test_a_structure_keeps_what_is_known_of_it_from_v1_to_v2() -> None:
    v1, v2 = load_schema("total_v1"), load_schema("total_v2")
    for old, new in v1_view().items():
        if new:
            a, b = v1.by_id[v1.ids[old]], v2.by_id[v2.ids[new]]
            assert (a.category, a.side, a.sequence, a.snomed) == (
                b.category, b.side, b.sequence, b.snomed)  # fmt: skip


def test_a_digest_tells_two_schemas_apart() -> None:
    assert len({load_schema(name).digest for name in SCHEMAS}) == 3


def test_an_unknown_schema_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"paper105.*paper104, total_v1, total_v2"):
        load_schema("paper105")
