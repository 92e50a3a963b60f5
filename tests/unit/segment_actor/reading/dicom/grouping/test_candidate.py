"""What a volume is by itself."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from segment_actor.reading.dicom.grouping.candidate import candidate_of, why_not
from segment_actor.reading.dicom.grouping.selection import (
    one_per_acquisition,
)
from segment_actor.reading.dicom.image import Image
from tests.support.images import CORONAL, stack

SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def tilted(degrees: float) -> tuple[float, ...]:
    angle = math.radians(degrees)
    return (1.0, 0.0, 0.0, 0.0, math.cos(angle), -math.sin(angle))


def typed(words: str, **facts: Any) -> list[Image]:
    return stack(24, image_type=tuple(words.split("\\")), **facts)


@pytest.mark.parametrize(
    "words",
    [
        "ORIGINAL\\PRIMARY\\AXIAL",
        "ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM5 SPI",
        "ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM7 SPI DUAL\\STD\\SNRG\\DET_AB",
        "ORIGINAL\\PRIMARY\\AXIAL\\HELIX",
        "ORIGINAL\\SECONDARY\\AXIAL",
        "DERIVED\\PRIMARY\\AXIAL\\CT_SOM5 MONOENERGETIC",
        "DERIVED\\PRIMARY\\AXIAL\\VMI",
        "DERIVED\\PRIMARY\\AXIAL\\CT_SOM5 MPR",
        "DERIVED\\PRIMARY\\AXIAL\\JP2K LOSSY 6:1",
        "DERIVED\\SECONDARY\\REFORMATTED\\AVERAGE",
        "DERIVED\\SECONDARY\\MPR\\CSA MPR THICK",
        "DERIVED\\SECONDARY\\OTHER\\CSA MPR\\CSAPARALLEL\\AXIAL\\CT_SOM5 SEQ",
        "",
    ],
)
def test_images_of_attenuation_are_taken(words: str) -> None:
    assert why_not(typed(words)) is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("ORIGINAL\\PRIMARY\\LOCALIZER\\CT_SOM5 TOP", "localizer"),
        ("DERIVED\\SECONDARY\\OTHER\\CT_SOM5 PROT", "screenshot"),
        ("DERIVED\\SECONDARY\\SCREEN SAVE", "screenshot"),
        ("ORIGINAL\\PRIMARY\\DOSE", "screenshot"),
        ("DERIVED\\SECONDARY\\DOSE_INFO", "screenshot"),
        ("DERIVED\\PRIMARY\\AXIAL\\CT_SOM5 MIP", "mip"),
        ("DERIVED\\SECONDARY\\PROJECTION IMAGE\\CSA MIP", "mip"),
        ("DERIVED\\SECONDARY\\REFORMATTED\\MIN IP", "mip"),
        ("DERIVED\\PRIMARY\\VOLUME\\MAXIMUM", "mip"),
        ("DERIVED\\SECONDARY\\AXIAL\\CT_SOM7 VPCT\\AVG", "map"),
        ("DERIVED\\SECONDARY\\AXIAL\\CT_SOM8 PERF\\MIP", "map"),
        ("ORIGINAL\\PRIMARY\\AXIAL\\EFF_ATOMIC_NUM", "map"),
        ("DERIVED\\PRIMARY\\AXIAL\\MAT_REMOVED", "map"),
        ("DERIVED\\SECONDARY\\AXIAL\\GSI MD", "map"),
        ("DERIVED\\SECONDARY\\AXIAL\\3DANGIO\\SUB", "map"),
        ("DERIVED\\SECONDARY\\AXIAL\\IODINE", "map"),
        ("DERIVED\\SECONDARY\\AXIAL\\VNC", "map"),
        ("DERIVED\\SECONDARY\\CURVED_MPR", "derived"),
    ],
)
def test_the_words_of_the_image_type_tell_what_is_no_attenuation(words: str, reason: str) -> None:
    assert why_not(typed(words)) == reason


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"modality": "PT", "sop_class": "1.2.840.10008.5.1.4.1.1.128"}, "not_ct"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.66.4"}, "not_ct"),
        ({"modality": "SR", "rows": 0}, "not_ct"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.7"}, "screenshot"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.7.4", "modality": "CT"}, "screenshot"),
        ({"samples": 3, "photometric": "RGB"}, "screenshot"),
        ({"burned_in": True}, "screenshot"),
        ({"rescale_type": "MGML"}, "map"),
        ({"rescale_type": "Z_EFF"}, "map"),
        ({"orientation": CORONAL}, "not_axial"),
        ({"orientation": SAGITTAL}, "not_axial"),
        ({"sop_class": ""}, None),
        ({"rescale_type": ""}, None),
        ({"rescale_type": "us"}, None),
        ({"burned_in": False}, None),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.2.1", "frames": 200}, None),
        ({"photometric": "MONOCHROME1"}, None),  # the reader has a sentence for it
        ({"position_mm": (), "orientation": ()}, None),  # likewise
        ({"description": "Abdomen MIP VNC"}, None),  # of original images nobody asks it
    ],
)
def test_a_volume_is_judged_by_its_header(facts: dict[str, Any], reason: str | None) -> None:
    assert why_not([replace(one, **facts) for one in stack(24, **facts)]) == reason


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("VNC 3.0", "map"),
        ("Iodine(Water) [mg/ml]", "map"),
        ("Iodine no Water", "map"),
        ("Z_Effective", "map"),
        ("Axial MIP 10mm", "mip"),
        ("Abdomen iodine contrast", None),
        ("MonoE 70 keV", None),
    ],
)
def test_of_derived_images_the_description_counts_too(description: str, reason: str | None) -> None:
    assert why_not(typed("DERIVED\\SECONDARY\\AXIAL", description=description)) == reason


@pytest.mark.parametrize("degrees", [0, 15, -30, 40])
def test_an_oblique_head_is_taken_as_scanned_and_not_as_cut_later(degrees: float) -> None:
    orientation = tilted(degrees)
    original = stack(24, orientation=orientation)
    assert why_not(original) is None
    derived = typed("DERIVED\\SECONDARY\\MPR", orientation=orientation)
    assert why_not(derived) == (None if degrees == 0 else "derived")


def test_images_of_one_place_and_few_images_are_not_taken() -> None:
    assert why_not(stack(12, 0.0)) == "one_place"
    assert why_not(stack(9)) == "too_few"
    assert why_not(stack(1)) == "too_few"
    assert why_not(stack(10)) is None


def test_a_missing_slice_is_no_reason_to_pass_a_volume_over_in_silence() -> None:
    images = stack(24)
    del images[11]
    assert why_not(images) is None
    assert one_per_acquisition([candidate_of(images)]) == [None]
