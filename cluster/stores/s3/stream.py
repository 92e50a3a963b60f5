"""An object of a bucket as a seekable stream that fetches what is read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from cluster.stores.s3.bucket import Bucket

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES: Final = 256 * 1024
"""Fetched at a time: a DICOM header without pixels has 2 to 100 kB."""


def stream_of(bucket: Bucket, key: str) -> io.BufferedReader:
    """The stream; it stays with the content the object has now.

    Raises:
        OSError, BotoCoreError: as `Bucket`, here and while it is read.
    """
    return io.BufferedReader(_Parts(bucket, key), BLOCK_BYTES)


class _Parts(io.RawIOBase):
    def __init__(self, bucket: Bucket, key: str) -> None:
        facts = bucket.nothing_of(key)
        self._bucket, self._key = bucket, key
        self._size_bytes, self._etag = facts.size_bytes, facts.etag
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        from_ = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        if from_ + offset < 0:
            raise ValueError(f"a seek to {from_ + offset}, before the start of the stream")
        self._at = from_ + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer).cast("B")
        n_bytes = min(len(room), self._size_bytes - self._at)
        if n_bytes <= 0:
            return 0
        data = self._bucket.part(self._key, self._at, n_bytes, self._etag).data
        room[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        """The rest in one request; the one of Python would ask for 8 kB at a time."""
        rest = bytearray(max(0, self._size_bytes - self._at))
        return bytes(rest[: self.readinto(rest)])
