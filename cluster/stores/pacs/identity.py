"""Which image a DICOM file is: all that stores read of its content."""

from __future__ import annotations

from dataclasses import dataclass

from segment_actor.reading.dicom.file.header import first_text
from segment_actor.reading.dicom.file.parsing import Unread, header_in


@dataclass(frozen=True, slots=True)
class FileUids:
    """What identifies an image. Texts are "" where the header is silent."""

    series: str
    image: str


def uids_of(file: bytes) -> FileUids | None:
    """The UIDs in the header of a whole file; None if it is no DICOM file or damaged."""
    header = header_in(file, whole=True)
    if isinstance(header, Unread):
        return None
    return FileUids(
        series=first_text(header, "SeriesInstanceUID") or "",
        image=first_text(header, "SOPInstanceUID") or "",
    )
