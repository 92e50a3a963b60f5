"""Makers and scanners have one spelling each, and no other name is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_actor.reading.dicom.facts.scanners import FAMILIES, MAKERS, maker_of, model_of
from segment_actor.reading.dicom.facts.words import plain

NAMES = [f"{family} {member}" for family, members in FAMILIES.items() for member in members]


@pytest.mark.parametrize(
    ("text", "maker"),
    [
        ("SIEMENS", "Siemens"), ("Siemens Healthineers", "Siemens"), ("SIEMENS CTI", "Siemens"),
        ("GE MEDICAL SYSTEMS", "GE"), ("GE Healthcare", "GE"), ("General Electric", "GE"),
        ("Philips", "Philips"), ("Philips Medical Systems", "Philips"),
        ("Marconi Medical Systems", "Philips"), ("TOSHIBA", "Canon"), ("TOSHIBA_MEC", "Canon"),
        ("Canon Medical Systems Corporation", "Canon"), ("HITACHI", "Fujifilm"),
        ("FUJIFILM Corporation", "Fujifilm"), ("UIH", "United Imaging"),
        ("United Imaging Healthcare", "United Imaging"), ("NMS Neusoft", "Neusoft"),
        ("NeuroLogica", "Samsung"), ("Samsung Electronics", "Samsung"), ("Planmeca", "Planmeca"),
    ],
)  # fmt: skip
def test_a_maker_has_one_spelling(text: str, maker: str) -> None:
    assert maker_of(text) == maker


@pytest.mark.parametrize("text", ["Müller Gerätebau", "Image Gear", "Siemensstadt", "Gerät", "?"])
def test_a_maker_of_no_list_is_other(text: str) -> None:
    assert maker_of(text) == "other"


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("SOMATOM Force", "SOMATOM Force"), ("SOMATOM FORCE", "SOMATOM Force"),
        ("SOMATOM Definition AS+", "SOMATOM Definition AS+"),
        ("SOMATOM Definition AS", "SOMATOM Definition AS"),
        ("SOMATOM Definition Flash", "SOMATOM Definition Flash"),
        ("Sensation 64", "SOMATOM Sensation 64"), ("Volume Zoom", "SOMATOM Volume Zoom"),
        ("Emotion 16 (2007)", "SOMATOM Emotion 16"), ("SOMATOM go.Top", "SOMATOM go.Top"),
        ("NAEOTOM Alpha", "NAEOTOM Alpha"), ("Biograph128", "Biograph 128"),
        ("Biograph 64", "Biograph 64"), ("LightSpeed16", "LightSpeed 16"),
        ("LightSpeed VCT", "LightSpeed VCT"), ("LightSpeed QX/i", "LightSpeed QX/i"),
        ("LightSpeed Pro 16", "LightSpeed Pro 16"), ("HiSpeed CT/i", "HiSpeed CT/i"),
        ("Discovery CT750 HD", "Discovery CT750 HD"), ("Optima CT520 Series", "Optima CT520"),
        ("Revolution CT", "Revolution CT"), ("Brilliance16", "Brilliance 16"),
        ("Brilliance 16P", "Brilliance 16P"), ("Mx8000 IDT 16", "MX8000 IDT 16"),
        ("Mx8000", "MX8000"), ("iCT 256", "iCT 256"), ("IQon - Spectral CT", "IQon Spectral CT"),
        ("Ingenuity Core 128", "Ingenuity Core 128"), ("Philips CT Aura", "CT Aura"),
        ("Aquilion", "Aquilion"), ("Aquilion ONE", "Aquilion ONE"),
        ("Aquilion PRIME", "Aquilion PRIME"),
        ("Aquilion ONE / GENESIS Edition", "Aquilion ONE GENESIS"),
        ("uCT 760", "uCT 760"), ("uCT 960+", "uCT 960+"), ("NeuViz 128 CT", "NeuViz 128"),
        ("SCENARIA View", "SCENARIA View"), ("Supria", "Supria"),
    ],
)  # fmt: skip
def test_a_scanner_of_a_public_collection_has_one_spelling(text: str, model: str) -> None:
    assert model_of(text) == model


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("SOMATOM Tomorrow", "SOMATOM"), ("Aquilion Müller", "Aquilion"),
        ("LightSpeed VCT Station 3, Dr. Meier", "LightSpeed VCT"), ("uCT 999", "uCT"),
    ],
)  # fmt: skip
def test_of_a_scanner_that_is_not_known_the_family_is_told(text: str, model: str) -> None:
    assert model_of(text) == model


@pytest.mark.parametrize("text", ["Müller 3000", "SOMATOMIX", "Dr. Force", "CT-Raum 2", "-"])
def test_a_scanner_of_no_list_is_other(text: str) -> None:
    assert model_of(text) == "other"


def test_no_name_is_that_of_two_scanners() -> None:
    assert len({plain(name) for name in [*NAMES, *FAMILIES]}) == len(NAMES) + len(FAMILIES)


@given(st.sampled_from(NAMES), st.sampled_from([str.upper, str.lower, str.title, str]))
def test_each_name_of_the_list_is_told_as_it_stands_there(name: str, write: type[str]) -> None:
    assert model_of(write(name)) == name


@given(st.text() | st.builds(" ".join, st.lists(st.sampled_from([*FAMILIES, "64", "Erika", "/"]))))
def test_no_text_but_of_the_lists_is_told(text: str) -> None:
    assert maker_of(text) in {*MAKERS, "other"}
    assert model_of(text) in {*NAMES, *FAMILIES, "other"}
