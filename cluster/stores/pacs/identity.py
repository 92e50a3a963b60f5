"""Which image a DICOM file is: all that stores read of its content."""

from __future__ import annotations

from dataclasses import dataclass

from segment_actor.reading.dicom.header import first_text, open_dicom


@dataclass(frozen=True, slots=True)
class FileUids:
    """What identifies an image. Texts are "" where the header is silent."""

    series: str
    image: str


def uids_of(file: bytes) -> FileUids | None:
    """The UIDs in the header of a file; None if it is no DICOM file or damaged.

    Raises:
        SeriesError: TOO_LARGE, as `open_dicom`.
    """
    header = open_dicom(file)
    if header is None:
        return None
    return FileUids(
        series=first_text(header, "SeriesInstanceUID") or "",
        image=first_text(header, "SOPInstanceUID") or "",
    )
