"""A bucket, or what lies in it under a prefix, as an archive."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from typing import BinaryIO, Final

from cluster.stores.contract import Changes, StoredObject
from cluster.stores.faults import checked_stream, checking, listing, reading
from cluster.stores.s3.bucket import Bucket
from cluster.stores.s3.listing import objects_below
from cluster.stores.s3.stream import ObjectStream

PART_BYTES: Final = 32 * 1024 * 1024
"""Of a larger object several parts are fetched at a time: S3 gives 85 to 90 MB/s a connection, as
its performance guidelines reckon."""

PARTS_AT_A_TIME: Final = 4


@dataclass(frozen=True)
class S3Archive:
    """The objects under s3://bucket/prefix.

    Endpoint, keys and region come from the usual AWS_* variables or files.

    Attributes:
        uri: s3://bucket or s3://bucket/prefix.
    """

    uri: str

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(self.uri.removeprefix("s3://").partition("/")[0], self._folder)

    @cached_property
    def _folder(self) -> str:
        """What all keys begin with: '' or a prefix that ends in '/'."""
        prefix = self.uri.removeprefix("s3://").partition("/")[2].rstrip("/")
        return f"{prefix}/" if prefix else ""

    def check(self) -> None:
        """See Archive."""
        with checking(self.uri):
            self._bucket.page(self._folder, most=1)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Archive; in no order, and with a few pages of the server in memory at a time."""
        below = objects_below(self._bucket, self._folder + prefix)
        with listing(self.uri), closing(below):
            for key, size_bytes, etag in below:
                path = key.removeprefix(self._folder)
                if path and not path.endswith("/"):  # some tools mark a folder by an object
                    yield StoredObject.stamped(path, size_bytes, etag)

    def changes(self, token: str | None) -> Changes:
        """See Archive; a bucket keeps no list of what changed."""
        del token
        return Changes(self.list(), token=None, whole=True)

    def get(self, path: str) -> bytes:
        """See Archive."""
        key = self._folder + path
        with reading(self):
            first = self._bucket.part(key, 0, PART_BYTES)
            starts = range(PART_BYTES, first.size_bytes, PART_BYTES)
            if not starts:
                return first.data
            ask = partial(self._bucket.part, key, n_bytes=PART_BYTES, etag=first.etag)
            with ThreadPoolExecutor(PARTS_AT_A_TIME) as threads:
                rest = threads.map(lambda start: ask(start=start).data, starts)
                return b"".join([first.data, *rest])

    def start(self, path: str, n_bytes: int) -> bytes:
        """See Archive."""
        with reading(self):
            return self._bucket.part(self._folder + path, 0, n_bytes).data

    def open(self, path: str) -> BinaryIO:
        """See Archive."""
        with reading(self):
            return checked_stream(ObjectStream(self._bucket, self._folder + path), self)
