"""Where the CTs lie: a folder or a bucket behind one small type."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]

from segment_actor.errors import FailureCode, SeriesError, SetupError

TRANSPORT_ERRORS = (OSError, BotoCoreError)
"""s3fs turns an answer of the server into an OSError; no answer at all is a BotoCoreError."""

HEADER_BLOCK_BYTES = 256 * 1024
"""Fetched at a time by `open`: a DICOM header without pixels has 2 to 100 kB."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of an archive.

    Attributes:
        path: relative to the archive's root, with '/'.
        size_bytes: its size.
        version: changes when the content changes (ETag; size and time of change in a folder).
    """

    path: str
    size_bytes: int
    version: str


@dataclass(frozen=True)
class Store:
    """An archive that is read and never written.

    Attributes:
        uri: as given by the user.
    """

    uri: str

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system and the root inside it."""
        protocol, path = fsspec.core.split_protocol(self.uri)
        if protocol in (None, "file"):
            return fsspec.filesystem("file"), str(Path(path).expanduser().resolve())
        if protocol != "s3":
            raise SetupError(f"{self.uri}: only folders and s3:// are understood.")
        # endpoint, keys and region come from the usual AWS_* variables or files
        fs = fsspec.filesystem(
            "s3",
            use_listings_cache=False,
            skip_instance_cache=True,  # it would keep the credentials of another Store
            config_kwargs={"connect_timeout": 10, "read_timeout": 60},
        )
        return fs, path.rstrip("/")

    def check(self) -> None:
        """Ask the store for one answer.

        Raises:
            SetupError: the folder or bucket is missing, or the store refuses or does not answer.
        """
        fs, root = self._place
        try:
            if self.uri.startswith("s3://"):
                bucket, _, prefix = root.partition("/")
                fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
            else:
                next(Path(root).iterdir(), None)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SetupError(f"{self.uri} does not exist (no such folder or bucket).") from error
        except PermissionError as error:
            raise SetupError(
                f"{self.uri} refuses these credentials. Check AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY (for a folder: its permissions)."
            ) from error
        except TRANSPORT_ERRORS as error:
            raise SetupError(f"{self.uri} does not answer: {_reason(error)}.") from error

    def list(self) -> list[StoredObject]:
        """All objects, sorted by path.

        Raises:
            SetupError: the store cannot be listed.
        """
        fs, root = self._place
        try:
            found = fs.find(root, detail=True)
        except TRANSPORT_ERRORS as error:
            raise SetupError(f"{self.uri} cannot be listed: {_reason(error)}.") from error
        objects = (_stored(path[len(root) :].lstrip("/"), facts) for path, facts in found.items())
        return sorted((o for o in objects if o.path), key=lambda o: o.path)

    def get(self, path: str) -> bytes:
        """The whole object.

        Raises:
            SeriesError: this object is gone (VANISHED) or refused (UNREADABLE_FILE).
            SetupError: the store as a whole no longer answers.
        """
        fs, root = self._place
        try:
            return cast("bytes", fs.cat_file(f"{root}/{path}"))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            self.check()  # the whole folder or bucket gone is no fault of this series
            raise SeriesError(
                FailureCode.VANISHED,
                "The file was listed but is no longer there; it was moved or deleted meanwhile.",
            ) from error
        except PermissionError as error:
            self.check()  # credentials that ran out stop the run; one locked file does not
            raise SeriesError(
                FailureCode.UNREADABLE_FILE,
                "The archive refuses to hand out this file; ask for read permission on it.",
            ) from error
        except TRANSPORT_ERRORS as error:
            raise SetupError(f"{self.uri} no longer answers: {_reason(error)}.") from error

    def open(self, path: str) -> BinaryIO:
        """The object as a seekable stream that fetches only what is read. Close it after use."""
        fs, root = self._place
        return cast("BinaryIO", fs.open(f"{root}/{path}", "rb", block_size=HEADER_BLOCK_BYTES))


def open_store(uri: str) -> Store:
    """The archive at a URI: a local folder, or s3://bucket/prefix.

    Raises:
        SetupError: it does not exist, refuses the credentials, or does not answer.
    """
    store = Store(uri)
    store.check()
    return store


def read_bytes(uri: str) -> bytes:
    """One file named by a full URI or path (a manifest, a list of ages).

    Raises:
        SetupError: it cannot be read.
    """
    try:
        with fsspec.open(uri, "rb") as stream:
            return cast("bytes", stream.read())
    except TRANSPORT_ERRORS as error:
        raise SetupError(f"Cannot read {uri}: {_reason(error)}.") from error


def write_bytes(uri: str, data: bytes) -> None:
    """Write one file; folders on the way are made.

    Raises:
        SetupError: it cannot be written.
    """
    try:
        with fsspec.open(uri, "wb", auto_mkdir=True) as stream:
            stream.write(data)
    except TRANSPORT_ERRORS as error:
        raise SetupError(f"Cannot write {uri}: {_reason(error)}.") from error


def _stored(path: str, facts: dict[str, Any]) -> StoredObject:
    size = int(facts["size"])
    stamp = facts.get("ETag") or facts.get("mtime")
    version = hashlib.sha256(f"{size}:{stamp}".encode()).hexdigest()[:16]
    return StoredObject(path, size, version)


def _reason(error: BaseException) -> str:
    """The cause in a few words, without the paths an OSError carries."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(words.split()).rstrip(".") or type(error).__name__
