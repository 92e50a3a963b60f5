from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from segment_actor.reading.dicom.facts import facts_of
from segment_actor.reading.scan import ScanFacts
from tests.support.ct_files import SERIES_UID, dicom_slices, made_hu


def header(**elements: Any) -> Dataset:
    dataset = Dataset()
    with pydicom.config.disable_value_validation():
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
    return dataset


def test_all_facts_of_a_header_are_read() -> None:
    assert facts_of(dicom_slices(made_hu())[0]) == ScanFacts(
        age_years=63.0,
        sex="F",
        manufacturer="Maker",
        model="Model X",
        kvp=120.0,
        slice_thickness_mm=5.0,
        kernel=None,
        contrast_agent=True,
        series_uid=SERIES_UID,
        patient_id="secret-id",
    )


def test_an_empty_header_has_no_facts() -> None:
    assert facts_of(Dataset()) == ScanFacts()


@pytest.mark.parametrize(
    ("age", "years"),
    [
        ("063Y", 63.0), ("804M", 67.0), ("018M", 1.0), ("026W", 0.0), ("000D", 0.0), ("63.9", 63.0),
        ("63", 63.0), ("097Y", 97.0), ("200Y", None), ("old", None),
    ],
)  # fmt: skip
def test_an_age_counts_in_its_unit_and_in_whole_years(age: str, years: float | None) -> None:
    assert facts_of(header(PatientAge=age)).age_years == years


@pytest.mark.parametrize(
    ("born", "seen", "years"),
    [
        ("19600101", "20200101", 60.0),
        ("19610101", "20200101", 59.0),
        ("19610102", "20200101", 58.0),
        ("19470321", "20210305", 73.0),
        ("20000229", "20210228", 20.0),
        ("19000101", "20200101", None),
        ("20200101", "19600101", None),
        ("18000101", "20200101", None),
        ("1960", "20200101", None),
        ("", "20200101", None),
    ],
)
def test_without_an_age_the_dates_tell_it(born: str, seen: str, years: float | None) -> None:
    facts = facts_of(header(PatientBirthDate=born, StudyDate=seen))
    assert facts.age_years == years


@pytest.mark.parametrize(
    ("agent", "given"),
    [("Iohexol", True), ("APPLIED", True), ("NONE", False), ("no", False), ("", None)],
)
def test_a_contrast_agent_is_given_not_given_or_unknown(agent: str, given: bool | None) -> None:
    assert facts_of(header(ContrastBolusAgent=agent)).contrast_agent is given


def test_an_age_that_nobody_has_reached_gives_way_to_the_dates() -> None:
    facts = facts_of(header(PatientAge="999Y", PatientBirthDate="19600101", StudyDate="20200101"))
    assert facts.age_years == 60.0


@pytest.mark.parametrize("sex", ["foo", "", "1"])
def test_any_other_sex_is_unknown(sex: str) -> None:
    assert facts_of(header(PatientSex=sex)).sex is None


def test_a_fact_that_is_impossible_is_none() -> None:
    facts = facts_of(header(KVP="0", SliceThickness="-1"))
    assert (facts.kvp, facts.slice_thickness_mm) == (None, None)


def test_a_kernel_is_soft_or_sharp_and_its_name_is_not_kept() -> None:
    facts = facts_of(header(Manufacturer="SIEMENS", ConvolutionKernel=["Br40d", "3"]))
    assert facts.kernel == "soft"
    assert "Br40" not in repr(facts)


def test_what_identifies_a_patient_is_not_shown() -> None:
    shown = repr(facts_of(dicom_slices(made_hu())[0]))
    assert "secret-id" not in shown
    assert SERIES_UID not in shown
