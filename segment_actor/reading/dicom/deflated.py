"""DICOM files whose data set is packed as a whole (deflated transfer syntax, PS3.5 A.5).

pydicom unpacks them in one step, however large they become: 1.2 MB can ask for 1.2 GB.
"""

from __future__ import annotations

import io
import zlib

from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from segment_actor.errors import FailureCode, SeriesError

MAX_OBJECT_BYTES = 64 * 2**20
"""One CT image with its header: a matrix of 4096 x 4096 has 32 MiB of pixels, the usual 0.5."""

MAX_PACKING = 100
"""Times that an image may be larger unpacked; pixels have noise and pack to a half or a third."""

FREE_BYTES = 8 * 2**20
"""Up to here an image may pack as tightly as it likes: it may be nothing but padding."""

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_EXPLICIT = b"1.2.840.10008.1.2.1".ljust(len(_DEFLATED), b"\0")
_PREFIX_BYTES = 132


def inflate(data: bytes) -> bytes:
    """The same file in explicit little endian; what is not deflated, as it is.

    Raises:
        SeriesError: TOO_LARGE, before more is unpacked.
        zlib.error: the packed bytes are damaged.
    """
    if _DEFLATED not in data:
        return data
    stream = io.BytesIO(data)
    stream.seek(_PREFIX_BYTES)
    meta = read_dataset(stream, False, True, stop_when=_after_file_meta)  # noqa: FBT003
    if meta.get("TransferSyntaxUID") != _DEFLATED.decode():
        return data
    start = stream.tell()
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    limit_bytes = min(MAX_OBJECT_BYTES, max(FREE_BYTES, MAX_PACKING * len(data)))
    unpacked = unpacker.decompress(data[start:], limit_bytes)
    if unpacker.unconsumed_tail:
        raise SeriesError(
            FailureCode.TOO_LARGE,
            f"An image unpacks from {len(data) / 2**20:.2f} to over {limit_bytes / 2**20:.0f} MiB, "
            "more than any CT image has. Export the series again.",
        )
    if not unpacker.eof:
        raise zlib.error("cut off")
    return data[:start].replace(_DEFLATED, _EXPLICIT) + unpacked


def _after_file_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != 2
