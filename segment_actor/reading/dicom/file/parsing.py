"""A DICOM file to its header, and from there on to its pixels: no byte is parsed twice."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final

from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from segment_actor.reading.dicom.file.deflated import inflate, inflate_start
from segment_actor.reading.dicom.file.encoding import Encoded, encoded_in, is_dicom
from segment_actor.reading.dicom.file.header import PYDICOM_ERRORS, quiet_pydicom

LAST_GROUP: Final = 0x0028
"""Of the elements that say what an image is and where it belongs; behind it come those of makers,
which may be long, and the pixels."""

MAX_START_BYTES: Final = 2**20
"""Unpacked of the start of a deflated file. What is asked for lies within a few kB, unless elements
of makers come before it."""

PIXEL_DATA: Final = 0x7FE00010

MAX_ELEMENTS: Final = 10_000
"""Beside one another: a header has some hundred. 16 MB of empty ones would take a minute."""

PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, PIXEL_DATA})
"""Tags of pixels: numbers with fractions, twice as exact ones, and whole numbers."""


class Unread(StrEnum):
    """Why the start of a file gives no header."""

    NO_DICOM = "no_dicom"
    DAMAGED = "damaged"
    CUT_SHORT = "cut_short"
    """It ends before the header does: more bytes may help."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file up to its pixels.

    Attributes:
        header: its elements before the pixels, file meta information included.
        encoded: the bytes that it was read from.
        at: where reading stopped, in `encoded.data`.
    """

    header: Dataset
    encoded: Encoded = field(repr=False)
    at: int


def header_in(start: bytes, *, whole: bool = False) -> Dataset | Unread:
    """The elements up to group 0028 of a file, from its start; threads may call it side by side.

    Args:
        start: the first bytes of the file, or all of it.
        whole: it is all of it. Then it may end behind its header, as an object without pixels does;
            a file that was cut off within an element is damaged.

    Returns:
        The elements that DICOM defines, or why there are none. Makers' own are left out.
    """
    if not is_dicom(start):
        return Unread.NO_DICOM
    source = _Source(b"")
    try:
        with quiet_pydicom():
            encoded = encoded_in(start, partial(inflate_start, limit_bytes=MAX_START_BYTES))
            source = _Source(encoded.data)
            header = source.elements(encoded, encoded.at, lambda tag: tag.group > LAST_GROUP)
    except PYDICOM_ERRORS:
        return Unread.CUT_SHORT if source.is_used_up and not whole else Unread.DAMAGED
    if source.stopped or (whole and source.is_used_up and _is_in_order(header)):
        return header
    bomb = encoded.data is not start and len(encoded.data) >= MAX_START_BYTES
    return Unread.DAMAGED if whole or bomb else Unread.CUT_SHORT


def parse(data: bytes) -> Parsed | None:
    """A file up to its pixels; None if it is damaged, or nothing follows its prefix.

    Raises:
        SeriesError: TOO_LARGE if it is packed and unpacks to more than a CT image can have.
    """
    if not is_dicom(data):
        return None
    try:
        with quiet_pydicom():
            encoded = encoded_in(data, inflate)
            source = _Source(encoded.data)
            header = source.elements(encoded, encoded.at, lambda tag: tag in PIXELS)
    except PYDICOM_ERRORS:
        return None
    return Parsed(header, encoded, source.tell()) if len(header) else None


def with_pixels(parsed: Parsed) -> Dataset | None:
    """A header that goes on to the pixels; None if they are damaged."""
    source = _Source(parsed.encoded.data)
    try:
        with quiet_pydicom():
            header = source.elements(parsed.encoded, parsed.at, lambda tag: tag > max(PIXELS))
            header.update(parsed.header)
    except PYDICOM_ERRORS:
        return None
    return header


def native_pixels(parsed: Parsed) -> memoryview:
    """The uncompressed pixels of a file where they lie; less than there should be if it is cut off.

    A file of all images of a CT is as large as the CT: they are not copied.
    """
    implicit, little_endian = parsed.header.original_encoding
    order, data = "<" if little_endian else ">", memoryview(parsed.encoded.data)[parsed.at :]
    begin = 8 if implicit else 12  # tag and length, and in between value representation
    if len(data) < begin or struct.unpack_from(f"{order}HH", data) != divmod(PIXEL_DATA, 2**16):
        return data[:0]
    (length,) = struct.unpack_from(f"{order}L", data, begin - 4)
    return data[begin : begin + length]


class _Source(io.BytesIO):
    """Bytes that know whether reading them ended where it should."""

    stopped = False

    def elements(self, encoded: Encoded, at: int, is_behind: Callable[[BaseTag], bool]) -> Dataset:
        """The elements from a place on that DICOM defines, without those of makers."""
        count = 0

        def stop(tag: BaseTag, _vr: str | None, _length: int) -> bool:
            nonlocal count
            count += 1
            if tag.group == 0 or count > MAX_ELEMENTS:
                raise ValueError("zeros, or more elements than a header has")
            self.stopped = is_behind(tag)
            return self.stopped

        self.seek(at)
        elements = read_dataset(self, encoded.implicit, encoded.little_endian, stop_when=stop)
        private = [tag for tag in elements.keys() if tag.is_private]  # noqa: SIM118  # else elements
        for tag in private:
            del elements[tag]
        elements.file_meta = encoded.meta
        return elements

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left, or less than was asked for."""
        return self.tell() >= len(self.getbuffer())


def _is_in_order(header: Dataset) -> bool:
    """Zeros behind a cut look like elements too, but of group 0, which no file has."""
    tags = [*header.keys()]
    return bool(tags) and tags[0].group > 0 and tags == sorted(tags)
