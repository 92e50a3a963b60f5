"""A gzip file put together from parts that were compressed apart.

A label map repeats itself: a mask is empty but for a few planes, and the planes of a CT that are
finer than the model's are copies of each other. So each part is compressed once, and is written as
often as it occurs; a run of zeros costs nothing but its few bytes. The result is one gzip member,
which every reader takes (viewers in a browser often read the first member only).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

# Magic, deflate, no flags, no time (same labels, same bytes), fastest level, unknown system.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_LAST_BLOCK = b"\x03\x00"  # an empty block with the mark of the last one
_LEVEL = 1  # 6 compresses label maps to half of that, but takes 15 times as long
_RAW = -15  # zlib's word for deflate with a window of 2**15 and without a header


class Part(NamedTuple):
    """Deflate blocks that end at a byte and refer to nothing before them.

    Attributes:
        deflated: the compressed blocks.
        crc32: checksum of the bytes that they hold, uncompressed.
        size: number of these bytes.
    """

    deflated: bytes
    crc32: int
    size: int


EMPTY_PART = Part(b"", 0, 0)
"""No bytes: what `join_parts` leaves the other part as it is with."""


def compress_part(data: bytes | npt.NDArray[Any]) -> Part:
    """Compresses one part.

    Args:
        data: bytes, or a C-contiguous array.
    """
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _RAW)
    deflated = compressor.compress(data) + compressor.flush(isal_zlib.Z_SYNC_FLUSH)
    size = data.nbytes if isinstance(data, np.ndarray) else len(data)
    return Part(deflated, isal_zlib.crc32(data), size)


def join_parts(one: Part, other: Part) -> Part:
    """The part that holds what `one` holds, then what `other` holds."""
    return Part(
        one.deflated + other.deflated,
        isal_zlib.crc32_combine(one.crc32, other.crc32, other.size),
        one.size + other.size,
    )


@lru_cache(maxsize=256)
def zeros_part(size: int) -> Part:
    """A part of `size` zero bytes, put together from runs whose lengths are powers of two."""
    if size == 0:
        return EMPTY_PART
    longest = 1 << (size.bit_length() - 1)
    return join_parts(_zero_run(longest), zeros_part(size - longest))


@lru_cache(maxsize=64)
def _zero_run(size: int) -> Part:
    """A run of `size` zeros, a power of two.

    Above 1 MB it is a shorter one twice, so that gigabytes of zeros are never held in memory.
    """
    if size <= 2**20:
        return compress_part(bytes(size))
    half = _zero_run(size // 2)
    return join_parts(half, half)


def gzip_member(parts: Iterable[Part]) -> Iterator[bytes]:
    """The gzip file that holds the parts one after the other, in pieces to be written."""
    yield _HEADER
    crc32, size = 0, 0
    for one in parts:
        yield one.deflated
        crc32 = isal_zlib.crc32_combine(crc32, one.crc32, one.size)
        size += one.size
    yield _LAST_BLOCK
    yield crc32.to_bytes(4, "little")
    yield (size % 2**32).to_bytes(4, "little")
