"""What a DICOM header says about the patient and the scanner. Nothing here can fail a series."""

from __future__ import annotations

import math

from pydicom import Dataset

from segment_actor.person import OLDEST_YEARS, Sex, age_of, sex_of
from segment_actor.reading.dicom.header import first_number, first_text
from segment_actor.reading.dicom.identity import date_in
from segment_actor.reading.dicom.kernel import kernel_of
from segment_actor.reading.scan import ScanFacts

NO_AGENT = {"NO", "NONE", "N", "NO CONTRAST", "WITHOUT CONTRAST", "NATIVE", "0"}
"""What some scanners write into Contrast/Bolus Agent where none was given."""


def facts_of(header: Dataset) -> ScanFacts:
    """The facts of one image's header; None for what is missing, malformed or impossible."""
    agent = first_text(header, "ContrastBolusAgent")
    manufacturer = first_text(header, "Manufacturer")
    return ScanFacts(
        age_years=_age_years(header),
        sex=_sex(header),
        manufacturer=manufacturer,
        model=first_text(header, "ManufacturerModelName"),
        kvp=_positive(header, "KVP"),
        slice_thickness_mm=_positive(header, "SliceThickness"),
        kernel=kernel_of(manufacturer, first_text(header, "ConvolutionKernel")),
        contrast_agent=None if agent is None else agent.upper() not in NO_AGENT,
        series_uid=first_text(header, "SeriesInstanceUID"),
        patient_id=first_text(header, "PatientID"),
    )


def _sex(header: Dataset) -> Sex | None:
    try:
        return sex_of(first_text(header, "PatientSex") or "")
    except ValueError:
        return None


def _age_years(header: Dataset) -> float | None:
    """Patient's Age; where it is missing or no age, from the dates of birth and study.

    In whole years, as DICOM's own ages of adults are: with a day more or less, the date of birth
    would follow from that of the scan. A number without a unit counts as years.
    """
    try:
        age_years = age_of(first_text(header, "PatientAge") or "")
    except ValueError:
        age_years = None
    return _years_between_dates(header) if age_years is None else float(math.floor(age_years))


def _years_between_dates(header: Dataset) -> float | None:
    """The last birthday."""
    born, seen = date_in(header, "PatientBirthDate"), date_in(header, "StudyDate")
    if born is None or seen is None:
        return None
    years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return float(years) if 0 <= years <= OLDEST_YEARS else None


def _positive(header: Dataset, keyword: str) -> float | None:
    value = first_number(header, keyword)
    return value if value is not None and value > 0 else None
