"""An object of a bucket as a seekable stream that fetches what is read."""

from __future__ import annotations

import io
from typing import Final

from cluster.stores.s3.bucket import Bucket

LEAST_BYTES: Final = 64 * 1024
"""Fetched after a jump: the header of most DICOM files, the directory of a zip of 600."""

MOST_BYTES: Final = 8 * 1024 * 1024
"""Fetched at a time by who reads on and on: each request asks for twice what the last one did."""


class ObjectStream(io.BufferedIOBase):
    """The stream; it stays with the content that the object has when it is opened.

    Args:
        bucket: asked for the parts.
        key: of the object.

    Raises:
        OSError, BotoCoreError: as `Bucket`, here and while it is read.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        facts = bucket.nothing_of(key)
        self._bucket, self._key = bucket, key
        self._size_bytes, self._etag = facts.size_bytes, facts.etag
        self._at = 0
        self._block, self._block_at = b"", 0
        self._ahead_bytes = LEAST_BYTES

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Costs nothing."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        if origin + offset < 0:
            raise ValueError(f"a seek to {origin + offset}, before the start of the stream")
        self._at = origin + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Some bytes from here on, in one request at most."""
        whole = size is None or size < 0
        end = self._size_bytes if whole else min(self._at + (size or 0), self._size_bytes)
        read = self._held(end)
        self._at += len(read)
        if self._at < end:
            self._fetch(end)
            rest = self._held(end)
            self._at += len(rest)
            read += rest
        return read

    def _held(self, end: int) -> bytes:
        """What the block has from here to an end."""
        start = self._at - self._block_at
        return self._block[start : max(start, end - self._block_at)] if start >= 0 else b""

    def _fetch(self, end: int) -> None:
        """Another block, which reaches from here to an end or farther."""
        start = self._at
        if self._block and start == self._block_at + len(self._block):
            self._ahead_bytes = min(2 * self._ahead_bytes, MOST_BYTES)
        else:
            self._ahead_bytes = LEAST_BYTES
            start = max(0, min(start, self._size_bytes - LEAST_BYTES))  # a zip is read from its end
        n_bytes = max(end - start, self._ahead_bytes)
        self._block = self._bucket.part(self._key, start, n_bytes, self._etag).data
        self._block_at = start
