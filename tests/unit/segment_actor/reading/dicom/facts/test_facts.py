"""What headers say of the scan: numbers that can be, and words of closed lists."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset

from segment_actor.reading.dicom.facts.scan_facts import facts_of
from segment_actor.reading.dicom.facts.scanners import MAKERS
from segment_actor.reading.dicom.file.header import PYDICOM_ERRORS, quiet_pydicom
from segment_actor.reading.scan import ScanFacts
from tests.support.ct_files import SERIES_UID, dicom_slices, header, made_hu

SIEMENS = {
    "Manufacturer": "SIEMENS",
    "ManufacturerModelName": "SOMATOM Definition AS+",
    "PatientAge": "063Y",
    "PatientSex": "F",
    "PatientSize": "1.69",
    "PatientWeight": "72.5",
    "KVP": "120",
    "SliceThickness": "1.5",
    "ConvolutionKernel": ["I31f", "3"],
    "ContrastBolusAgent": "Imeron 350",
    "ContrastBolusRoute": "IV",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM7 SPI"],
    "BodyPartExamined": "ABDOMEN",
    "SpiralPitchFactor": 0.6,
    "ReconstructionDiameter": "380",
    "LossyImageCompression": "00",
}
"""As a scanner of 2014 writes it."""

FACTS = ScanFacts(
    age_years=63.0,
    sex="F",
    manufacturer="Siemens",
    model="SOMATOM Definition AS+",
    kvp=120.0,
    slice_thickness_mm=1.5,
    kernel="soft",
    kernel_name="I31f\\3",
    contrast_agent=True,
    contrast_route="IV",
    image_type="ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM7 SPI",
    tube_current_ma=200.0,
    exposure_mas=133.0,
    ctdi_vol_mgy=7.5,
    pitch=0.6,
    reconstruction_diameter_mm=380.0,
    body_part="ABDOMEN",
    height_cm=169.0,
    weight_kg=72.5,
    lossy=False,
)


def told(**elements: Any) -> ScanFacts:
    return facts_of([header(**elements)])


def test_all_facts_of_a_series_are_read_and_what_varies_is_the_mean_of_its_images() -> None:
    headers = [
        header(**SIEMENS, XRayTubeCurrent=str(current), Exposure=str(exposure), CTDIvol=dose)
        for current, exposure, dose in [(100, 66, 5.0), (200, 133, 7.5), (300, 200, 10.0)]
    ]
    assert facts_of(headers) == FACTS


def enhanced_ct() -> Dataset:
    """What `SIEMENS` says, in functional groups as an enhanced CT does."""
    per_image = {"KVP", "SliceThickness", "ConvolutionKernel", "ReconstructionDiameter"}
    per_image |= {"SpiralPitchFactor"}
    enhanced = header(**{key: value for key, value in SIEMENS.items() if key not in per_image})
    enhanced.SharedFunctionalGroupsSequence = [
        header(
            PixelMeasuresSequence=[header(SliceThickness="1.5")],
            CTXRayDetailsSequence=[header(KVP="120")],
            CTTableDynamicsSequence=[header(SpiralPitchFactor=0.6)],
            CTReconstructionSequence=[
                header(ConvolutionKernel=["I31f", "3"], ReconstructionDiameter="380")
            ],
        )
    ]
    enhanced.PerFrameFunctionalGroupsSequence = [
        header(CTExposureSequence=[header(XRayTubeCurrentInmA=a, ExposureInmAs=b, CTDIvol=c)])
        for a, b, c in [(100.0, 66.0, 5.0), (200.0, 133.0, 7.5), (300.0, 200.0, 10.0)]
    ]
    return enhanced


def test_an_enhanced_ct_says_the_same_in_its_functional_groups() -> None:
    assert facts_of([enhanced_ct()]) == FACTS


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=30))
def test_no_damage_to_a_header_fails_its_facts(damage: list[tuple[int, int]]) -> None:
    stream = io.BytesIO()
    enhanced_ct().save_as(stream, implicit_vr=False, little_endian=True)
    data = bytearray(stream.getvalue())
    for place, value in damage:
        data[place % len(data)] = value
    parsed = None
    with quiet_pydicom(), suppress(*PYDICOM_ERRORS, LookupError):
        parsed = pydicom.dcmread(io.BytesIO(data), force=True)
    if parsed is not None:
        assert facts_of([parsed, parsed]).manufacturer in (None, *MAKERS, "other")


def test_the_facts_of_a_made_series_are_read() -> None:
    facts = facts_of(dicom_slices(made_hu()))
    assert replace(facts, image_type=None, contrast_route=None) == ScanFacts(
        age_years=63.0,
        sex="F",
        manufacturer="other",
        model="other",
        kvp=120.0,
        slice_thickness_mm=5.0,
        kernel=None,
        kernel_name=facts.kernel_name,
        contrast_agent=True,
        series_uid=SERIES_UID,
        patient_id="secret-id",
    )


def test_the_facts_of_a_real_image_are_those_that_its_dump_says() -> None:
    real = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")), stop_before_pixels=True)
    facts = facts_of([real])
    assert replace(facts, series_uid=None, patient_id=None) == ScanFacts(
        age_years=0.0,
        sex="O",
        manufacturer="GE",
        model="other",  # Rhapsode is no scanner of a list
        kvp=120.0,
        slice_thickness_mm=5.0,
        kernel="soft",
        kernel_name="STANDARD",
        contrast_agent=True,
        contrast_route="IV",
        image_type="ORIGINAL\\PRIMARY\\AXIAL",
        tube_current_ma=170.0,
        exposure_mas=170.0,
        reconstruction_diameter_mm=338.6716,
    )


def test_an_empty_header_has_no_facts() -> None:
    assert facts_of([Dataset()]) == facts_of([]) == ScanFacts()


@pytest.mark.parametrize(
    ("elements", "exposure_mas"),
    [
        ({"Exposure": "133"}, 133.0),
        ({"ExposureInuAs": "133000"}, 133.0),
        ({"Exposure": "133", "ExposureInuAs": "133400"}, 133.0),
        ({"Exposure": "0", "ExposureInuAs": "133400"}, pytest.approx(133.4)),
        ({"ExposureInmAs": 133.25}, 133.25),
    ],
)
def test_exposure_is_told_in_mas_whatever_its_unit(
    elements: dict[str, Any], exposure_mas: float
) -> None:
    assert told(**elements).exposure_mas == exposure_mas


def test_images_that_do_not_say_a_number_do_not_count_for_its_mean() -> None:
    headers = [header(XRayTubeCurrent=value) for value in ("100", "", "0", "999999", "300")]
    assert facts_of([*headers, header()]).tube_current_ma == 200.0


IMPOSSIBLE: list[tuple[str, str, list[Any]]] = [
    ("kvp", "KVP", ["0", "-120", "1", "99999"]),
    ("slice_thickness_mm", "SliceThickness", ["0", "-1", "1e9"]),
    ("tube_current_ma", "XRayTubeCurrent", ["0", "-200", "999999"]),
    ("exposure_mas", "Exposure", ["0", "-1", "99999999"]),
    ("ctdi_vol_mgy", "CTDIvol", [0.0, -1.0, 1e9, float("nan"), float("inf")]),
    ("pitch", "SpiralPitchFactor", [0.0, -1.0, 1e9]),
    ("reconstruction_diameter_mm", "ReconstructionDiameter", ["0", "-380", "1e9"]),
    ("energy_kev", "MonoenergeticEnergyEquivalent", [0.0, -70.0, 70_000.0]),
    ("height_cm", "PatientSize", ["0", "-1.7", "169", "1690", "0.001"]),
    ("weight_kg", "PatientWeight", ["0", "-70", "7250", "0.001"]),
    ("lossy_ratio", "LossyImageCompressionRatio", ["0", "-1", "1e9"]),
]


@pytest.mark.parametrize(
    ("fact", "keyword", "value"),
    [(fact, keyword, value) for fact, keyword, values in IMPOSSIBLE for value in values],
)
def test_a_number_that_cannot_be_is_none(fact: str, keyword: str, value: Any) -> None:
    assert getattr(told(**{keyword: value}), fact) is None


@pytest.mark.parametrize(
    ("elements", "energy_kev"),
    [
        ({"SeriesDescription": "MonoE 70 keV"}, 70.0),
        ({"SeriesDescription": "Monoenergetic Plus 40keV Erika"}, 40.0),
        ({"ImageComments": "Mono 190 KEV"}, 190.0),
        ({"SeriesDescription": "70 keV and 40 keV"}, None),
        ({"SeriesDescription": "1970 keV"}, None),
        ({"SeriesDescription": "Abdomen 70"}, None),
        ({"MultienergyCTCharacteristicsSequence": 65.0}, 65.0),
        ({"MonoenergeticEnergyEquivalent": 55.0, "SeriesDescription": "70 keV"}, 55.0),
    ],
)
def test_the_energy_of_a_monoenergetic_image_is_the_standards_or_that_of_its_description(
    elements: dict[str, Any], energy_kev: float | None
) -> None:
    sequence = "MultienergyCTCharacteristicsSequence"
    if sequence in elements:
        elements = {sequence: [header(MonoenergeticEnergyEquivalent=elements[sequence])]}
    assert told(**elements).energy_kev == energy_kev


@pytest.mark.parametrize(
    ("said", "lossy"),
    [
        (["00", "00"], False), (["00", "01"], True), (["00", None], None), ([None, None], None),
        (["", "00"], None), (["Erika", "Erika"], None), ([None, "01"], True),
    ],
)  # fmt: skip
def test_a_series_lost_if_an_image_did_and_did_not_if_all_say_so(
    said: list[str | None], lossy: bool | None
) -> None:
    headers = [header() if one is None else header(LossyImageCompression=one) for one in said]
    assert facts_of(headers).lossy is lossy


def test_a_jpeg_of_the_kind_that_always_loses_is_lossy_whatever_the_header_says() -> None:
    compressed = header(LossyImageCompression="00")
    compressed.file_meta = FileMetaDataset()
    compressed.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    assert facts_of([compressed]).lossy is True


def test_the_ratio_of_losses_is_the_largest_of_all_images() -> None:
    ratios: list[Any] = ["6.5", ["8", "12.5"], "0"]
    headers = [header(LossyImageCompressionRatio=ratio) for ratio in ratios]
    assert facts_of(headers).lossy_ratio == 12.5


@pytest.mark.parametrize(
    ("agent", "given"),
    [("Iohexol", True), ("APPLIED", True), ("NONE", False), ("no", False), ("", None)],
)
def test_a_contrast_agent_is_given_not_given_or_unknown(agent: str, given: bool | None) -> None:
    assert told(ContrastBolusAgent=agent).contrast_agent is given


def test_a_coded_contrast_agent_was_given_by_its_coded_route() -> None:
    agent, route = header(CodeValue="109219009"), header(CodeValue="47625008")
    facts = told(
        ContrastBolusAgentSequence=[agent], ContrastBolusAdministrationRouteSequence=[route]
    )
    assert (facts.contrast_agent, facts.contrast_route) == (True, "IV")
