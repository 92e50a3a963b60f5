"""What an archive can do: the one contract for listing and reading, whatever the archive is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol, Self


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of an archive.

    Attributes:
        path: relative to the archive's root, with '/'; files of one DICOM series share a parent.
            Text that UTF-8 can write, whatever the name is made of.
        size_bytes: its size.
        version: another one when the content is another.
        is_zip: it holds files and is read as a zip, though its name does not say so.
    """

    path: str
    size_bytes: int
    version: str
    is_zip: bool = False

    @classmethod
    def stamped(cls, path: str, size_bytes: int, stamp: object) -> Self:
        """One whose version is made of its size and of what the store stamps it with.

        Args:
            path: as above.
            size_bytes: as above.
            stamp: an ETag, a time of change, a digest.
        """
        version = hashlib.sha256(f"{size_bytes}:{stamp}".encode()).hexdigest()[:16]
        return cls(path, size_bytes, version)


@dataclass(frozen=True, slots=True)
class Changes:
    """What an archive tells of itself, to somebody who has listed it before or has not.

    Attributes:
        objects: one after the other, in any order, each once; errors as those of `Archive.list`.
        token: for the next call of `Archive.changes`, to be kept once all objects were taken.
            None: the archive has no memory, and lists all each time.
        whole: True: what is not among the objects is gone. False: only what is new or has changed
            since the token is among them, and the rest is as it was.
    """

    objects: Iterator[StoredObject]
    token: str | None
    whole: bool


class Archive(Protocol):
    """Objects with paths, which are listed and read and never written.

    Nobody outside `cluster.stores` knows which archive it has. Methods may be called from several
    threads at a time. The sentence of a SeriesError goes into the tables and names no path.
    """

    @property
    def uri(self) -> str:
        """As given by the user."""
        ...

    def check(self) -> None:
        """Asks the archive for one answer.

        Raises:
            SetupError: it does not exist, refuses the credentials, or does not answer.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects one after the other, in any order, each once.

        Args:
            prefix: of their paths; it may end within a name.

        Raises:
            SetupError: while they are taken: the archive cannot be listed.
        """
        ...

    def changes(self, token: str | None) -> Changes:
        """What is in the archive, or what changed in it if it can tell.

        Args:
            token: of the call before; None for all there is.

        Raises:
            SetupError: the archive cannot be listed, here or while the objects are taken.
        """
        ...

    def get(self, path: str) -> bytes:
        """A whole object.

        Raises:
            SeriesError: this object is gone (VANISHED) or refused (UNREADABLE_FILE).
            SetupError: the archive as a whole no longer answers.
        """
        ...

    def start(self, path: str, n_bytes: int) -> bytes:
        """The first bytes of an object, in one request; all of an object that is shorter.

        Args:
            path: of the object.
            n_bytes: at least 1.

        Raises:
            SeriesError, SetupError: as `get`.
        """
        ...

    def open(self, path: str) -> BinaryIO:
        """An object as a seekable stream, for readers of headers. Close it after use.

        It fetches no more than is read, give or take a block, where the archive can do so. What
        lies behind the headers of images may be left out: their pixels come from `get`.

        Raises:
            SeriesError, SetupError: as `get`, here and again while it is read.
        """
        ...
