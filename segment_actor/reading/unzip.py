"""The files of a zip, in memory; nothing is written to disk, and nothing unpacks without bounds."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Sequence
from copy import copy
from typing import BinaryIO, cast

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.packed import ZIP_START

MAX_UNPACKED_BYTES = 4 * 2**30
"""Twice the largest CT that is read. A bomb declares more, or stops at what it declared."""

MAX_PACKING = 100
"""Times that a whole zip may be larger unpacked. Pixels have noise and pack to a half or a third,
a slice of nothing but padding to a hundredth; a bomb to a thousandth."""

FREE_BYTES = 256 * 2**20
"""Up to here a zip may pack as tightly as it likes: a CT without noise is a phantom, no bomb."""

PIECE_BYTES = 4096
"""Read at a time of a file in a zip: of LZMA, zipfile unpacks all of a piece, up to 30 MB."""

_ENCRYPTED = 0x1  # general purpose flag bit 0 of a zip entry
_LOCAL_HEADER_BYTES = 30  # before the name of the file; the last 4 are two lengths


def unzip(blob: bytes) -> dict[str, bytes]:
    """Contents of all files of a zip, by the path in it.

    Raises:
        SeriesError: EMPTY_FILE, UNREADABLE_FILE or TOO_LARGE, before the memory is taken.
    """
    check_not_empty(blob)
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            entries = archive.infolist()
            _check_entries(entries, len(blob))
            if not _is_complete(entries, blob, archive.start_dir):
                raise _damaged()
            return {
                entry.filename: _read(archive, entry) for entry in entries if not _is_folder(entry)
            }
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,  # a compression method that Python does not know
        OSError,  # an offset before the start of the file
        OverflowError,
        ValueError,
        lzma.LZMAError,
        struct.error,
        zlib.error,
    ):
        raise _damaged() from None


def check_not_empty(blob: bytes) -> None:
    """Raises SeriesError: EMPTY_FILE."""
    if not blob:
        raise SeriesError(
            FailureCode.EMPTY_FILE, "The file is empty (0 bytes). Export the series again."
        )


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    """A folder has no content; with content, the end of its name has been damaged."""
    return entry.filename.endswith("/") and not entry.file_size


def open_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    """A file of a zip as a stream; read in pieces of `PIECE_BYTES`, it unpacks 30 MB at most ahead.

    zipfile would unpack all of a piece of bzip2, a million times as much.
    """
    if entry.compress_type != zipfile.ZIP_BZIP2:
        return cast("BinaryIO", archive.open(entry))
    packed = copy(entry)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, entry.compress_size
    del packed.CRC  # of the file; as it is packed, it has sums of its own
    return cast("BinaryIO", bz2.BZ2File(archive.open(packed)))


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """One file, whose declared size bounds what is unpacked."""
    content = bytearray()
    with open_file(archive, entry) as stream:
        if entry.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            return stream.read(max(entry.file_size, 1))  # at least 1: the checksum is looked at
        while piece := stream.read(PIECE_BYTES):
            content += piece
            if len(content) > entry.file_size:
                raise zipfile.BadZipFile
    if zlib.crc32(content) != entry.CRC:
        raise zipfile.BadZipFile
    return bytes(content)


def _check_entries(entries: Sequence[zipfile.ZipInfo], zip_bytes: int) -> None:
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The zip file has a password. Export the series without one.",
        )
    if len({entry.filename for entry in entries}) < len(entries):
        raise _damaged()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(FREE_BYTES, MAX_PACKING * zip_bytes):
        raise SeriesError(
            FailureCode.TOO_LARGE,
            f"The zip file unpacks from {zip_bytes / 2**20:.1f} MiB to {unpacked / 2**30:.1f} GiB, "
            "more than any CT has. Put each series into its own zip file.",
        )


def _is_complete(entries: Sequence[zipfile.ZipInfo], blob: bytes, directory: int) -> bool:
    """Whether the directory names every file of the zip, and no byte for two of them.

    An entry that the directory has lost may be the first slice or the last; entries that share
    their data are a bomb. Between two files there may be a sum of 24 bytes, but no third file.
    """
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        start = entry.header_offset
        if start < end or ZIP_START in blob[end:start]:
            return False
        lengths = struct.unpack_from("<HH", blob, start + _LOCAL_HEADER_BYTES - 4)
        end = start + _LOCAL_HEADER_BYTES + sum(lengths) + entry.compress_size
    return end <= directory and ZIP_START not in blob[end:directory]


def _damaged() -> SeriesError:
    return SeriesError(
        FailureCode.UNREADABLE_FILE,
        "The zip file is damaged or not a zip file. Copy or export it again.",
    )
