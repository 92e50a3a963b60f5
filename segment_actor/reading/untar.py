"""The files of a tar or tar.gz, in memory; nothing is written to disk or unpacks without bounds."""

from __future__ import annotations

import io
import struct
import tarfile
from typing import BinaryIO, Literal

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.gunzip import Gunzip
from segment_actor.reading.packed import is_gzip
from segment_actor.reading.unzip import (
    FREE_BYTES,
    MAX_PACKING,
    MAX_UNPACKED_BYTES,
    check_not_empty,
)

_END = bytes(2 * tarfile.BLOCKSIZE)
"""Two empty blocks end a tar. Without them it may have been cut off between two files, and where a
header is damaged tarfile stops as if it were the end."""


def untar(blob: bytes) -> dict[str, bytes]:
    """Contents of all files of a tar or tar.gz, by the path in it.

    Raises:
        SeriesError: EMPTY_FILE, UNREADABLE_FILE or TOO_LARGE, before the memory is taken.
    """
    check_not_empty(blob)
    try:
        data = _gunzipped(blob) if is_gzip(blob) else blob
        with open_tar(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive if not entry.isdir()]
            whole = data.startswith(_END, archive.offset)
            unpacked = sum(entry.size for entry in entries)
            names = {entry.name for entry in entries}
            plain = all(entry.isreg() and not entry.issparse() for entry in entries)
            if not whole or not plain or unpacked > len(data) or len(names) < len(entries):
                raise _damaged()
            return {entry.name: _content(archive, entry) for entry in entries}
    except (
        tarfile.TarError,
        EOFError,
        LookupError,
        OverflowError,
        RecursionError,  # a name of a name of a name, a thousand deep
        ValueError,
        struct.error,
    ):
        raise _damaged() from None


def open_tar(stream: BinaryIO, mode: Literal["r:", "r:*"] = "r:") -> tarfile.TarFile:
    """A tar whose names are text: a byte that is no UTF-8 is a backslash, x and two digits."""
    return tarfile.open(fileobj=stream, mode=mode, encoding="utf-8", errors="backslashreplace")


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(entry)
    content = stream.read() if stream else b""
    if len(content) != entry.size:
        raise EOFError
    return content


def _gunzipped(blob: bytes) -> bytes:
    """Raises SeriesError: TOO_LARGE."""
    limit_bytes = min(MAX_UNPACKED_BYTES, max(FREE_BYTES, MAX_PACKING * len(blob)))
    data = io.BufferedReader(Gunzip(blob)).read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise SeriesError(
            FailureCode.TOO_LARGE,
            f"The tar file unpacks from {len(blob) / 2**20:.1f} MiB to over "
            f"{limit_bytes / 2**30:.1f} GiB, more than any CT has. Pack each series by itself.",
        )
    return data


def _damaged() -> SeriesError:
    return SeriesError(
        FailureCode.UNREADABLE_FILE,
        "The tar file is damaged or cut off, or holds more than plain files. "
        "Copy or pack it again.",
    )
