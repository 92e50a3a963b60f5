"""A gzip file as a stream of what is in it."""

from __future__ import annotations

import io
from typing import cast

from isal import isal_zlib

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.packed import is_gzip

_IsalError = cast("type[Exception]", isal_zlib.error)  # isal's own stub calls it an instance
_GZIP = 31  # zlib's word for a header, the largest window and a checksum at the end
_BLOCK_BYTES = 2**16  # compressed, at a time: at most 66 MB come of them


class Gunzip(io.RawIOBase):
    """The members of a gzip file, one behind the other.

    What follows the last member and is none itself is passed over, as gzip does: padding of a tape
    or an archive, or a line that a transfer has put there.

    Args:
        data: the file; it begins as `is_gzip` says.
    """

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0  # in `data`
        self._member = isal_zlib.decompressobj(_GZIP)
        self._unread = memoryview(b"")

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Up to the buffer's size; 0 at the end, when all checksums were found right.

        Raises:
            EOFError: a member ends too early.
            SeriesError: a member is damaged.
        """
        while not self._unread:
            if self._member.eof and not self._next_member():
                return 0
            self._unread = memoryview(self._decompressed())
        count = min(len(buffer), len(self._unread))
        buffer[:count] = self._unread[:count]
        self._unread = self._unread[count:]
        return count

    def _next_member(self) -> bool:
        self._at -= len(self._member.unused_data)
        if not is_gzip(bytes(self._data[self._at : self._at + 2])):
            return False
        self._member = isal_zlib.decompressobj(_GZIP)
        return True

    def _decompressed(self) -> bytes:
        block = self._data[self._at : self._at + _BLOCK_BYTES]
        if not block:
            raise EOFError
        self._at += len(block)
        try:
            return self._member.decompress(block)
        except _IsalError:
            raise SeriesError(
                FailureCode.UNREADABLE_FILE,
                "The compressed file is damaged (its content does not match its checksum). "
                "Copy or export it again.",
            ) from None
