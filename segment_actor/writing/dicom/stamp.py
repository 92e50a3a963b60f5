"""What all results have in common: their maker, their date, and the patient, put on at the end."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydicom import Dataset

from segment_actor.writing.dicom.header import Sources
from segment_actor.writing.dicom.uids import NAME, Origin

MAKER: Final[Mapping[str, Any]] = {
    "manufacturer": NAME,
    "manufacturer_model_name": NAME,
    "device_serial_number": "0",  # of a device: a program has none, but the element must be there
}


NO_DAY: Final = datetime(1900, 1, 1)
"""Stands in a result that may not tell its day, where the standard demands one."""


def date_of(sources: Sources, origin: Origin) -> datetime:
    """When a result was made, as far as it may say so."""
    return origin.written if sources.dated else NO_DAY


def finish(result: Dataset, sources: Sources, origin: Origin) -> None:
    """Puts date and patient into a result that was made without."""
    written = date_of(sources, origin)
    result.InstanceCreationDate = written.strftime("%Y%m%d")
    result.InstanceCreationTime = written.strftime("%H%M%S")
    for equipment in result.ContributingEquipmentSequence:  # highdicom, by itself
        equipment.ContributionDateTime = written.strftime("%Y%m%d%H%M%S")
    result.update(sources.subject)


def as_bytes(result: Dataset) -> bytes:
    """The file of a result."""
    file = io.BytesIO()
    result.save_as(file, enforce_file_format=True)
    return file.getvalue()
