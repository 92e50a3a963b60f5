"""What headers say of the patient: age and sex."""

from __future__ import annotations

from typing import Any

import pytest

from segment_actor.reading.dicom.facts.scan_facts import facts_of
from segment_actor.reading.scan import ScanFacts
from tests.support.ct_files import SERIES_UID, dicom_slices, header, made_hu


def told(**elements: Any) -> ScanFacts:
    return facts_of([header(**elements)])


@pytest.mark.parametrize(
    ("age", "years"),
    [
        ("063Y", 63.0), ("804M", 67.0), ("018M", 1.0), ("026W", 0.0), ("000D", 0.0), ("63.9", 63.0),
        ("63", 63.0), ("097Y", 97.0), ("200Y", None), ("old", None),
    ],
)  # fmt: skip
def test_an_age_counts_in_its_unit_and_in_whole_years(age: str, years: float | None) -> None:
    assert told(PatientAge=age).age_years == years


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
    assert told(PatientBirthDate=born, StudyDate=seen).age_years == years


def test_an_age_that_nobody_has_reached_gives_way_to_the_dates() -> None:
    facts = told(PatientAge="999Y", PatientBirthDate="19600101", StudyDate="20200101")
    assert facts.age_years == 60.0


@pytest.mark.parametrize("sex", ["foo", "", "1"])
def test_any_other_sex_is_unknown(sex: str) -> None:
    assert told(PatientSex=sex).sex is None


def test_what_identifies_a_patient_is_not_shown() -> None:
    shown = repr(facts_of(dicom_slices(made_hu())))
    assert "secret-id" not in shown
    assert SERIES_UID not in shown
