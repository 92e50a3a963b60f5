"""The size that compressed pixels themselves declare, before a decoder believes it.

A decoder takes the memory that the compressed data asks for, whatever the DICOM header says; GDCM's
for JPEG-LS ends the whole process where it cannot have it (tried with 60,000 x 60,000 pixels).
"""

from __future__ import annotations

import struct

from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID, RLELossless

MOST_BITS = 16
"""Of a compressed pixel: GDCM ends the whole process where a header allocates 32 for a JPEG, or a
JPEG-LS says that it has 48."""

_J2K_START = b"\xff\x4f\xff\x51"  # SOC, then SIZ, also inside of a JP2 file
_JPEG_START = b"\xff\xd8"
_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # ISO 10918-1 B.1; F7: JPEG-LS
_START_OF_SCAN = 0xDA
_JPEG_LS, _HUFFMAN, _ARITHMETIC = 0xF7, 0xC4, 0xCC
_NEVER = {0x00, *range(0x02, 0xC0)}
"""No markers (ISO 10918-1, B.1): a damaged one. Without a table GDCM ends the whole process."""

_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


def check_codestream(header: Dataset, shape: tuple[int, int]) -> None:
    """Refuses compressed pixels of another size than the header's.

    Args:
        header: with its pixels.
        shape: rows, columns.

    Raises:
        ValueError, struct.error: they are not what they should be.
    """
    syntax = UID(header.file_meta.TransferSyntaxUID)
    if not syntax.is_compressed or syntax == RLELossless:  # RLE says no size: the header's is used
        return
    _check_bits(header.BitsAllocated)
    frames = list(generate_frames(header.PixelData, number_of_frames=1))
    if len(frames) != 1 or declared_size(frames[0]) != (*shape, 1):
        raise ValueError("the compressed pixels have another size than the header says")


def declared_size(frame: bytes) -> tuple[int, int, int]:
    """(rows, columns, components) of one JPEG, JPEG-LS or JPEG 2000 image.

    Raises:
        ValueError, struct.error: it is none of them, or damaged before its size.
    """
    return _jpeg_size(frame) if frame.startswith(_JPEG_START) else _jpeg_2000_size(frame)


def _jpeg_2000_size(frame: bytes) -> tuple[int, int, int]:
    siz = frame.index(_J2K_START)  # ISO 15444-1 A.5.1
    right, bottom, left, top = struct.unpack_from(">4I", frame, siz + 8)
    components, depth = struct.unpack_from(">HB", frame, siz + 40)
    _check_bits((depth & 0x7F) + 1)  # the highest bit says that values have signs
    return bottom - top, right - left, components


def _check_bits(bits: int) -> None:
    if bits > MOST_BITS:
        raise ValueError("no JPEG of a CT has as many bits")


def _jpeg_size(frame: bytes) -> tuple[int, int, int]:
    """The size, once all that comes before the pixels is what it should be."""
    size: tuple[int, int, int] | None = None
    markers = set()
    at = len(_JPEG_START)
    while True:
        fill, marker = struct.unpack_from(">BB", frame, at)
        if fill != 0xFF or marker in _NEVER:
            raise ValueError("damaged before its pixels")
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        markers.add(marker)
        if marker in _START_OF_FRAME:
            bits, *rest = struct.unpack_from(">BHHB", frame, at + 4)
            _check_bits(bits)
            size = (rest[0], rest[1], rest[2])
        if marker == _START_OF_SCAN:
            break
        at += 2 + struct.unpack_from(">H", frame, at + 2)[0]
    if size is None or not markers & {_JPEG_LS, _HUFFMAN, _ARITHMETIC}:
        raise ValueError("no size, or nothing that tells what its bits mean")
    return size
