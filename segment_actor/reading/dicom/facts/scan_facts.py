"""What the headers of a CT say about the patient and the scanner. Nothing here can fail a series.

No text of a header is among it: what is not a number is a word of a closed list (`words`,
`scanners`, `kernel`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from pydicom import Dataset
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit

from segment_actor.person import OLDEST_YEARS, Sex, age_of, sex_of
from segment_actor.reading.dicom.facts import quantities as q
from segment_actor.reading.dicom.facts.kernel import kernel_name_of, kernel_of
from segment_actor.reading.dicom.facts.scanners import maker_of, model_of
from segment_actor.reading.dicom.facts.words import body_part_of, image_type_of, route_of
from segment_actor.reading.dicom.file.header import date_in, first_text, number_values, text_values
from segment_actor.reading.scan import ScanFacts

NO_AGENT: Final = {"NO", "NONE", "N", "NO CONTRAST", "WITHOUT CONTRAST", "NATIVE", "0"}
"""What some scanners write into Contrast/Bolus Agent where none was given."""

LOSSY_SYNTAXES: Final = frozenset((JPEGBaseline8Bit, JPEGExtended12Bit))
"""JPEG baseline and extended, which always lose; others may or may not (PS3.5, 8.2)."""


def facts_of(headers: Sequence[Dataset]) -> ScanFacts:
    """The facts of a CT; None for what is missing, malformed or impossible.

    Args:
        headers: of its images, the first slice's first: current, exposure, dose and losses are
            those of all images, the rest is the first one's. An enhanced CT is one header.
    """
    if not headers:
        return ScanFacts()
    header = headers[0]
    here, everywhere = q.places_of([header]), q.places_of(headers)
    manufacturer = first_text(header, "Manufacturer")
    kernel = _first_values(here, "ConvolutionKernel")
    return ScanFacts(
        age_years=_age_years(header),
        sex=_sex(header),
        manufacturer=maker_of(manufacturer),
        model=model_of(first_text(header, "ManufacturerModelName")),
        kvp=q.KVP.first(here),
        slice_thickness_mm=q.SLICE_THICKNESS_MM.first(here),
        kernel=kernel_of(manufacturer, next(iter(kernel), None)),
        kernel_name=kernel_name_of(manufacturer, kernel),
        contrast_agent=_contrast_agent(header),
        contrast_route=_contrast_route(header),
        image_type=image_type_of(text_values(header, "ImageType")),
        energy_kev=q.energy_kev(here),
        tube_current_ma=q.TUBE_CURRENT_MA.mean(everywhere),
        exposure_mas=q.EXPOSURE_MAS.mean(everywhere),
        ctdi_vol_mgy=q.CTDI_VOL_MGY.mean(everywhere),
        pitch=q.PITCH.first(here),
        reconstruction_diameter_mm=q.DIAMETER_MM.first(here),
        body_part=body_part_of(first_text(header, "BodyPartExamined")),
        height_cm=_rounded(q.HEIGHT_CM.first(here)),
        weight_kg=q.WEIGHT_KG.first(here),
        lossy=_lossy(headers),
        lossy_ratio=_lossy_ratio(headers),
        series_uid=first_text(header, "SeriesInstanceUID"),
        patient_id=first_text(header, "PatientID"),
    )


def _first_values(places: Sequence[Dataset], keyword: str) -> tuple[str, ...]:
    found = (text_values(place, keyword) for place in places if keyword in place)
    return next(filter(None, found), ())


def _contrast_agent(header: Dataset) -> bool | None:
    """Yes if one is named, or coded as newer scanners do; None if the header is silent."""
    agent = first_text(header, "ContrastBolusAgent")
    if agent is None:
        return True if q.items(header, "ContrastBolusAgentSequence") else None
    return agent.upper() not in NO_AGENT


def _contrast_route(header: Dataset) -> str | None:
    text = first_text(header, "ContrastBolusRoute")
    if text is None:
        coded = q.items(header, "ContrastBolusAdministrationRouteSequence")
        text = first_text(coded[0], "CodeValue") if coded else None
    return route_of(text)


def _lossy(headers: Sequence[Dataset]) -> bool | None:
    """Whether an image lost; no if all images say so themselves."""
    said = {first_text(header, "LossyImageCompression") for header in headers}
    syntaxes = {_transfer_syntax(header) for header in headers}
    if "01" in said or syntaxes & LOSSY_SYNTAXES:
        return True
    return False if said == {"00"} else None


def _transfer_syntax(header: Dataset) -> str | None:
    meta = getattr(header, "file_meta", None)
    return first_text(meta, "TransferSyntaxUID") if meta else None


def _lossy_ratio(headers: Sequence[Dataset]) -> float | None:
    """The largest, of all images and of all times that they were compressed."""
    least, most = q.LOSSY_RATIO.least, q.LOSSY_RATIO.most
    ratios = (ratio for h in headers for ratio in number_values(h, "LossyImageCompressionRatio"))
    return max((ratio for ratio in ratios if least <= ratio <= most), default=None)


def _rounded(number: float | None) -> float | None:
    """1.69 m is 169 cm and not 168.99999999999997."""
    return None if number is None else round(number, 1)


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
