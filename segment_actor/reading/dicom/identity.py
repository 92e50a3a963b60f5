"""Which series, study and patient one file of DICOM belongs to, from the beginning of the file.

For an index that asks one file of each series, many side by side: what is read and unpacked of a
file has a limit, whatever the file says of itself.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, Final

from pydicom import Dataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from segment_actor.person import date_of
from segment_actor.reading.dicom.encoding import is_dicom
from segment_actor.reading.dicom.header import PYDICOM_ERRORS, first_text
from segment_actor.reading.unzip import PIECE_BYTES

START_BYTES: Final = (2**16, 2**20)
"""Looked at of a file: at first, and if that was not enough; and unpacked of a deflated one. What
is asked for lies within a few kB, unless private elements come before it."""

DATES: Final = ("AcquisitionDate", "SeriesDate", "StudyDate")
"""Of a scan, the most exact first."""

_UIDS: Final = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")
_TAGS: Final = tuple(Tag(keyword) for keyword in (*DATES, *_UIDS))
_LAST: Final = int(max(_TAGS))
_PREFIX: Final = bytes(128) + b"DICM"


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a series. Only ever the input of keyed hashes; never shown or stored."""

    series_uid: str | None = field(default=None, repr=False)
    study_uid: str | None = field(default=None, repr=False)
    patient_id: str | None = field(default=None, repr=False)
    scan_date: date | None = field(default=None, repr=False)


def identity_of(stream: BinaryIO) -> Identity:
    """What the file at a stream says; nothing of it if it is no DICOM or damaged.

    Call it inside of `quiet_pydicom`, which cannot be entered by several threads at a time.

    Args:
        stream: readable from its first byte on; it need not be seekable.
    """
    start = b""
    for size in START_BYTES:
        while len(start) < size and (piece := stream.read(min(PIECE_BYTES, size - len(start)))):
            start += piece
        if header := _header(start):
            dates = (date_in(header, keyword) for keyword in DATES)
            return Identity(
                series_uid=first_text(header, "SeriesInstanceUID"),
                study_uid=first_text(header, "StudyInstanceUID"),
                patient_id=first_text(header, "PatientID"),
                scan_date=next(filter(None, dates), None),
            )
    return Identity()


def _header(start: bytes) -> Dataset | None:
    """What is asked for; None if the start of the file ends before it, or is damaged.

    An image has elements behind all of it, so that a file cut off within a UID is no other series.
    """
    try:
        if not is_dicom(start):
            return None
        source = _inflated(start)
        header = read_partial(source, stop_when=_is_behind, specific_tags=[*_TAGS])
    except (*PYDICOM_ERRORS, LookupError, RecursionError):
        return None
    return header if source.tell() < len(source.getvalue()) else None


def _inflated(start: bytes) -> io.BytesIO:
    """The start of a file, unpacked if it is deflated (PS3.5, A.5).

    pydicom would unpack a file to its end: 1 MB can hold 1 GB.
    """
    source = io.BytesIO(start)
    source.seek(len(_PREFIX))
    meta = read_dataset(source, False, True, stop_when=lambda tag, *_: tag.group > 2)  # noqa: FBT003
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        source.seek(0)
        return source
    packed = source.read()
    return io.BytesIO(
        _PREFIX + zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, START_BYTES[-1])
    )


def _is_behind(tag: BaseTag, _: str | None, __: int) -> bool:
    return int(tag) > _LAST


def date_in(header: Dataset, keyword: str) -> date | None:
    """A date of a header; None if it is missing, no day, or stands for no day."""
    try:
        return date_of(first_text(header, keyword) or "")
    except ValueError:
        return None
