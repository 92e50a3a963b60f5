"""Whatever texts stand in a header: only numbers and words of closed lists are told on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_actor.reading.dicom.facts.kernel import GE_NAMES, PHILIPS_NAMES
from segment_actor.reading.dicom.facts.scan_facts import facts_of
from segment_actor.reading.dicom.facts.scanners import FAMILIES, MAKERS
from segment_actor.reading.dicom.facts.words import BODY_PARTS, IMAGE_TYPES, OTHER, ROUTES
from tests.support.ct_files import header

TEXTS = [
    "Manufacturer", "ManufacturerModelName", "ConvolutionKernel", "ContrastBolusAgent",
    "ContrastBolusRoute", "ImageType", "BodyPartExamined", "PatientSex", "SeriesDescription",
    "ImageComments", "LossyImageCompression", "PatientName", "InstitutionName", "StationName",
    "ProtocolName", "SoftwareVersions", "PatientComments",
]  # fmt: skip
NUMBERS = [
    "KVP", "SliceThickness", "XRayTubeCurrent", "Exposure", "CTDIvol", "SpiralPitchFactor",
    "ReconstructionDiameter", "MonoenergeticEnergyEquivalent", "PatientSize", "PatientWeight",
    "LossyImageCompressionRatio", "PatientAge",
]  # fmt: skip
KERNELS = {*GE_NAMES.values(), *PHILIPS_NAMES, OTHER}
NUMBERED = re.compile(
    r"[A-Z][a-z]?[0-9]{2}[a-z]?(\\[1-5])?|FC[0-9]{2}(-H)?|[BCHL]_[A-Z]{4,6}_[A-E]"
)
WORDS: dict[str, Callable[[str], bool]] = {
    "manufacturer": {*MAKERS, OTHER}.__contains__,
    "model": {
        *FAMILIES, *(f"{f} {m}" for f, members in FAMILIES.items() for m in members), OTHER
    }.__contains__,
    "kernel": {"soft", "sharp"}.__contains__,
    "kernel_name": lambda text: text in KERNELS or bool(NUMBERED.fullmatch(text)),
    "contrast_route": lambda text: {*text.split("\\")} <= {*ROUTES, OTHER},
    "image_type": lambda text: {*text.split("\\")} <= IMAGE_TYPES | {OTHER},
    "body_part": {*BODY_PARTS, OTHER}.__contains__,
    "sex": {"M", "F", "O"}.__contains__,
}  # fmt: skip
MAKERS_TEXTS = st.sampled_from(["SIEMENS", "GE", "Philips", "TOSHIBA", "UIH", "Müller Gerätebau"])
SOME = st.sampled_from(
    ["B31f", "B31f Erika", "YA", "FC08", "STANDARD", "B_SOFT_C", "3", "70 keV", "IV"]
)
ANY = st.text(max_size=30) | SOME | st.lists(st.text(max_size=12) | SOME, max_size=4)


@given(st.dictionaries(st.sampled_from([*TEXTS, *NUMBERS]), ANY), MAKERS_TEXTS)
def test_whatever_texts_a_header_holds_only_numbers_and_words_of_lists_are_told(
    elements: dict[str, Any], maker: str
) -> None:
    texts = {key: value for key, value in elements.items() if key in TEXTS}
    held = header(**{"Manufacturer": maker} | texts)
    for key in elements.keys() - texts.keys():  # pydicom reads such numbers of files, and sets none
        held.add_new(pydicom.tag.Tag(key), "LO", elements[key])
    for fact, value in asdict(facts_of([held])).items():
        if isinstance(value, str):
            assert WORDS[fact](value), (fact, value)


PLANTED = "Mustermann"


@pytest.mark.parametrize("maker", ["SIEMENS", "GE", "Philips", "TOSHIBA", "UIH", PLANTED])
@pytest.mark.parametrize(
    "text", [PLANTED, f"{PLANTED}^Erika", f"SOMATOM {PLANTED}", f"IV {PLANTED}"]
)
def test_a_name_in_every_text_of_a_header_is_nowhere_in_its_facts(maker: str, text: str) -> None:
    held = {
        key: [text, text] if key in ("ImageType", "ConvolutionKernel") else text for key in TEXTS
    }
    facts = facts_of([header(**held | {"Manufacturer": maker})] * 2)
    assert PLANTED.casefold() not in repr(facts).casefold()
