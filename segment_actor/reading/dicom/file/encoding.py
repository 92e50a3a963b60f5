"""Where the data set of a file begins, and how it is written: the bytes decide, not the name.

Most files have a prefix and file meta information (PS3.10, 7.1). Old ones lack the meta, and then
the default is implicit little endian (PS3.5, 10.1), or all of it, and begin with their first
element.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from segment_actor.reading.dicom.file.header import first_text

PREFIX_BYTES: Final = 132

FIRST_ELEMENTS: Final = 3
"""Of a file without a prefix. That other bytes look like so many, in the order of their tags, does
not happen: the groups are 2 and 8, and the lengths small."""

LARGEST_FIRST_BYTES: Final = 1024
"""Of the value of such an element: versions, character sets, dates, UIDs."""

NATIVE: Final = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)

_LONG: Final = frozenset(vr.encode() for vr in EXPLICIT_VR_LENGTH_32)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A data set as bytes.

    Attributes:
        meta: file meta information; it always names the transfer syntax.
        data: holds the data set.
        at: where it begins in `data`.
    """

    meta: FileMetaDataset
    data: bytes
    at: int

    @property
    def native(self) -> bool:
        """Whether the pixels are as they are, of no codec."""
        return self.meta.TransferSyntaxUID in NATIVE

    @property
    def implicit(self) -> bool:
        """Whether the elements do not say their value representation."""
        return bool(self.meta.TransferSyntaxUID == ImplicitVRLittleEndian)

    @property
    def little_endian(self) -> bool:
        """Whether numbers begin with their lowest byte."""
        return bool(self.meta.TransferSyntaxUID != ExplicitVRBigEndian)


def is_dicom(data: bytes) -> bool:
    """Whether a file, or the start of one, is DICOM."""
    return data[128:132] == b"DICM" or _begins_bare(data)


def encoded_in(data: bytes, inflate: Callable[[bytes], bytes]) -> Encoded:
    """The data set of a file that `is_dicom`.

    Args:
        data: the file, or its start.
        inflate: unpacks a deflated data set.

    Raises:
        PYDICOM_ERRORS: it is damaged, or ends before the data set.
    """
    stream = io.BytesIO(data)
    stream.seek(PREFIX_BYTES if data[128:132] == b"DICM" else 0)
    meta = FileMetaDataset(
        read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=_after_meta)
    )
    at = stream.tell()
    syntax = first_text(meta, "TransferSyntaxUID")
    if syntax == DeflatedExplicitVRLittleEndian:
        data, at, syntax = inflate(data[at:]), 0, ExplicitVRLittleEndian
    meta.TransferSyntaxUID = UID(syntax or _likely_syntax(data, at))
    return Encoded(meta, data, at)


def _after_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != 2


def _likely_syntax(data: bytes, at: int) -> str:
    return ExplicitVRLittleEndian if data[at + 4 : at + 6].isupper() else ImplicitVRLittleEndian


def _begins_bare(data: bytes) -> bool:
    """Whether the first bytes are elements of file meta information or of the group behind it."""
    at, last = 0, 0
    for _ in range(FIRST_ELEMENTS):
        if len(data) < at + 12:
            return False
        group, element, representation, length = struct.unpack_from("<HH2sH", data, at)
        tag = group << 16 | element
        if group not in {2, 8} or tag < last:
            return False
        at += 8
        if not representation.isalpha() or not representation.isupper():
            (length,) = struct.unpack_from("<L", data, at - 4)
        elif representation in _LONG:
            (length,) = struct.unpack_from("<L", data, at)
            at += 4
        if length > LARGEST_FIRST_BYTES:
            return False
        at, last = at + length, tag
    return at <= len(data)
