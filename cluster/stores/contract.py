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
    """

    path: str
    size_bytes: int
    version: str

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


class Archive(Protocol):
    """Objects with paths, which are listed and read and never written.

    Nobody outside `cluster.stores` knows which archive it has. Methods may be called from several
    threads at a time. The sentence of a SeriesError goes into the tables and names no path.

    Room is left for archives that can say what changed: a method `changes(token)` that gives the
    objects changed since, and the next token. Without it a listing is compared with the one before.
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

    def get(self, path: str) -> bytes:
        """A whole object.

        Raises:
            SeriesError: this object is gone (VANISHED) or refused (UNREADABLE_FILE).
            SetupError: the archive as a whole no longer answers.
        """
        ...

    def open(self, path: str) -> BinaryIO:
        """An object as a seekable stream, for readers that want a part of it. Close it after use.

        It fetches no more than is read, give or take a block, where the archive can do so.

        Raises:
            SeriesError, SetupError: as `get`, here and again while it is read.
        """
        ...
