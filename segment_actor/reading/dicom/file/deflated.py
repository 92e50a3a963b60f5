"""Data sets that are packed as a whole (deflated transfer syntax, PS3.5 A.5).

pydicom unpacks them in one step, however large they become: 1.2 MB can ask for 1.2 GB.
"""

from __future__ import annotations

import zlib

from segment_actor.errors import FailureCode, SeriesError

MAX_OBJECT_BYTES = 2 * 2**30
"""The largest CT that is read, all of it in one file. The usual image has half a MiB."""

MAX_PACKING = 100
"""Times that an image may be larger unpacked; pixels have noise and pack to a half or a third."""

FREE_BYTES = 8 * 2**20
"""Up to here an image may pack as tightly as it likes: it may be nothing but padding."""


def inflate(packed: bytes) -> bytes:
    """All of a packed data set.

    Raises:
        SeriesError: TOO_LARGE, before more is unpacked.
        zlib.error: the packed bytes are damaged or cut off.
    """
    limit_bytes = min(MAX_OBJECT_BYTES, max(FREE_BYTES, MAX_PACKING * len(packed)))
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = unpacker.decompress(packed, limit_bytes)
    if unpacker.unconsumed_tail:
        raise SeriesError(
            FailureCode.TOO_LARGE,
            f"An image unpacks from {len(packed) / 2**20:.2f} to over "
            f"{limit_bytes / 2**20:.0f} MiB, more than any CT has. Export the series again.",
        )
    if not unpacker.eof:
        raise zlib.error("cut off")
    return unpacked


def inflate_start(packed: bytes, limit_bytes: int) -> bytes:
    """What the first bytes of a packed data set unpack to, up to a limit.

    Raises:
        zlib.error: they are damaged.
    """
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, limit_bytes)
