"""A bucket, or what lies in it under a prefix, as an archive."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, cast

import fsspec

from cluster.stores.contract import Changes, StoredObject
from cluster.stores.faults import checked_stream, checking, listing, reading
from segment_actor.errors import FailureCode, SeriesError

HEADER_BLOCK_BYTES = 256 * 1024
"""Fetched at a time by `open`: a DICOM header without pixels has 2 to 100 kB."""

VERSION = "?versionId="
"""In a name, s3fs takes what follows for a version."""


@dataclass(frozen=True)
class S3Archive:
    """The objects under s3://bucket/prefix.

    Endpoint, keys and region come from the usual AWS_* variables or files.

    Attributes:
        uri: s3://bucket or s3://bucket/prefix.
    """

    uri: str

    @cached_property
    def _fs(self) -> fsspec.AbstractFileSystem:
        return fsspec.filesystem(
            "s3",
            use_listings_cache=False,
            skip_instance_cache=True,  # it would keep the credentials of another archive
            config_kwargs={"connect_timeout": 10, "read_timeout": 60},
        )

    @cached_property
    def _root(self) -> str:
        return self.uri.removeprefix("s3://").rstrip("/")

    def check(self) -> None:
        """See Archive."""
        bucket, _, prefix = self._root.partition("/")
        with checking(self.uri):
            self._fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Archive; one page of the server, 1,000 objects, is in memory at a time."""
        bucket, _, folder = f"{self._root}/".partition("/")
        request = {"Bucket": bucket, "Prefix": folder + prefix}
        with listing(self.uri):
            while True:
                page = self._fs.call_s3("list_objects_v2", **request)
                for facts in page.get("Contents", ()):
                    path = facts["Key"].removeprefix(folder)
                    if path and not path.endswith("/"):  # some tools mark a folder by an object
                        yield StoredObject.stamped(path, facts["Size"], facts["ETag"])
                if not page.get("IsTruncated"):
                    return
                request["ContinuationToken"] = page["NextContinuationToken"]

    def changes(self, token: str | None) -> Changes:
        """See Archive; a bucket keeps no list of what changed."""
        del token
        return Changes(self.list(), token=None, whole=True)

    def get(self, path: str) -> bytes:
        """See Archive."""
        with reading(self):
            return cast("bytes", self._fs.cat_file(self._name(path)))

    def start(self, path: str, n_bytes: int) -> bytes:
        """See Archive."""
        with reading(self):
            try:
                return cast("bytes", self._fs.cat_file(self._name(path), start=0, end=n_bytes))
            except OSError as error:
                if error.errno == errno.EINVAL and _is_past_the_end(error):
                    return b""
                raise

    def open(self, path: str) -> BinaryIO:
        """See Archive."""
        with reading(self):
            stream = self._fs.open(self._name(path), "rb", block_size=HEADER_BLOCK_BYTES)
            return checked_stream(stream, self)

    def _name(self, path: str) -> str:
        """For s3fs, which would read a version of another object under such a name."""
        if VERSION in path:
            raise SeriesError(
                FailureCode.UNREADABLE_FILE,
                f"The name of the object has {VERSION} in it, which means a version of another "
                "one. Rename it.",
            )
        return f"{self._root}/{path}"


def _is_past_the_end(error: OSError) -> bool:
    """Whether the server says of a range that the object has not one byte of it: it is empty."""
    answer = getattr(error.__cause__, "response", {})
    return bool(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == 416)
