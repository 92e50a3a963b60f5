"""Words of a header are told in the spelling of a list, and no others."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr.codedict import codes

from segment_actor.reading.dicom.facts.words import (
    BODY_PARTS,
    BODY_PARTS_OF_DICOM,
    IMAGE_TYPES,
    ROUTES,
    body_part_of,
    image_type_of,
    route_of,
)


def test_each_body_part_is_one_of_the_standards_list() -> None:
    of_standard = files("highdicom").joinpath("_standard/anatomic_regions.json").read_bytes()
    assert json.loads(of_standard).keys() >= BODY_PARTS_OF_DICOM


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("CHEST", "CHEST"), ("Thorax ", "THORAX"), ("chest_abdomen", "CHESTABDOMEN"),
        ("CHEST ABD PELVIS", "CHESTABDPELVIS"), ("NECKCHESTABDPELV", "NECKCHESTABDPELV"),
        ("Erika", "other"), ("CHEST Erika", "other"), ("?", "other"), (None, None),
    ],
)  # fmt: skip
def test_a_body_part_is_a_word_of_the_list(text: str | None, part: str | None) -> None:
    assert body_part_of(text) == part


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["ORIGINAL", "PRIMARY", "AXIAL"], "ORIGINAL\\PRIMARY\\AXIAL"),
        (["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"], "ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM5 SPI"),
        (["derived", "secondary", "MPR"], "DERIVED\\SECONDARY\\MPR"),
        (["DERIVED", "PRIMARY", "AXIAL", "ERIKA"], "DERIVED\\PRIMARY\\AXIAL\\other"),
        (["DERIVED", "PRIMARY", "AXIAL", "VMI"], "DERIVED\\PRIMARY\\AXIAL\\VMI"),
        ([], None),
    ],
)
def test_an_image_type_keeps_the_words_that_are_on_the_list(
    values: list[str], told: str | None
) -> None:
    assert image_type_of(values) == told


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("IV", "IV"), ("i.v.", "IV"), ("Intravenous", "IV"), ("intravenös", "IV"),
        ("ORAL", "ORAL"), ("p.o.", "ORAL"), ("per os", "ORAL"), ("Rectal", "RECTAL"),
        ("IV & ORAL", "IV\\ORAL"), ("oral/iv", "IV\\ORAL"), ("Oral and IV", "IV\\ORAL"),
        ("IV und rektal", "IV\\RECTAL"), ("IV, Erika", "IV\\other"), ("Erika", "other"),
        ("", "other"), (None, None), ("G-D101", "IV"),
    ],
)  # fmt: skip
def test_a_route_is_told_in_words_of_the_list(text: str | None, route: str | None) -> None:
    assert route_of(text) == route


@pytest.mark.parametrize(
    ("code", "route"),
    [
        (codes.cid11.IntravenousRoute, "IV"), (codes.cid11.OralRoute, "ORAL"),
        (codes.cid11.PerRectum, "RECTAL"), (codes.cid11.IntraArterialRoute, "INTRAARTERIAL"),
        (codes.cid11.IntrathecalRoute, "INTRATHECAL"), (codes.cid11.VaginalRoute, "VAGINAL"),
        (codes.cid11.IntraArticularRoute, "INTRAARTICULAR"),
        (codes.cid11.IntraperitonealRoute, "INTRAPERITONEAL"),
        (codes.cid11.ByInhalation, "INHALATION"),
    ],
)  # fmt: skip
def test_a_coded_route_is_that_of_the_standards_code(code: object, route: str) -> None:
    assert route_of(code.value) == route  # type: ignore[attr-defined]


@given(st.lists(st.text() | st.sampled_from(sorted(IMAGE_TYPES))))
def test_no_image_type_but_of_the_list_is_told(values: list[str]) -> None:
    assert {*(image_type_of(values) or "other").split("\\")} <= IMAGE_TYPES | {"other"}


@given(st.text() | st.builds(", ".join, st.lists(st.sampled_from(["iv", "oral", "Erika", ""]))))
def test_no_part_and_no_route_but_of_the_lists_is_told(text: str) -> None:
    assert body_part_of(text) in BODY_PARTS | {"other"}
    assert {*(route_of(text) or "").split("\\")} <= {*ROUTES, "other"}
