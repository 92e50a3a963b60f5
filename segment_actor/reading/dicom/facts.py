"""What a DICOM header says about the patient and the scanner. Nothing here can fail a series."""

from __future__ import annotations

import re
from datetime import date, datetime

from pydicom import Dataset

from segment_actor.reading.dicom.header import first_number, first_text
from segment_actor.reading.scan import ScanFacts, Sex

DAYS_A_YEAR = 365.25
UNITS_A_YEAR = {"Y": 1.0, "M": 12.0, "W": DAYS_A_YEAR / 7, "D": DAYS_A_YEAR}
"""Units of an age string (PS3.5, VR AS), such as 063Y or 010M."""

OLDEST_YEARS = 125
"""Older is a placeholder date of birth such as 1900-01-01."""

NO_AGENT = {"NO", "NONE", "N", "NO CONTRAST", "WITHOUT CONTRAST", "NATIVE", "0"}
"""What some scanners write into Contrast/Bolus Agent where none was given."""

_SEXES: dict[str | None, Sex] = {"M": "M", "F": "F"}


def facts_of(header: Dataset) -> ScanFacts:
    """The facts of one image's header; None for what is missing, malformed or impossible."""
    agent = first_text(header, "ContrastBolusAgent")
    return ScanFacts(
        age_years=_age_years(header),
        sex=_SEXES.get(first_text(header, "PatientSex")),
        manufacturer=first_text(header, "Manufacturer"),
        model=first_text(header, "ManufacturerModelName"),
        kvp=_positive(header, "KVP"),
        slice_thickness_mm=_positive(header, "SliceThickness"),
        contrast_agent=None if agent is None else agent.upper() not in NO_AGENT,
        series_uid=first_text(header, "SeriesInstanceUID"),
        patient_id=first_text(header, "PatientID"),
    )


def _age_years(header: Dataset) -> float | None:
    """Patient's Age; where it is missing, from the dates of birth and study."""
    age = re.fullmatch(r"(\d{1,3})([YMWD])", first_text(header, "PatientAge") or "")
    if age:
        years = int(age[1]) / UNITS_A_YEAR[age[2]]
    else:
        born, seen = _date(header, "PatientBirthDate"), _date(header, "StudyDate")
        if born is None or seen is None:
            return None
        years = (seen - born).days / DAYS_A_YEAR
    return years if 0 <= years <= OLDEST_YEARS else None


def _date(header: Dataset, keyword: str) -> date | None:
    try:
        return datetime.strptime(first_text(header, keyword) or "", "%Y%m%d").date()
    except ValueError:
        return None


def _positive(header: Dataset, keyword: str) -> float | None:
    value = first_number(header, keyword)
    return value if value is not None and value > 0 else None
