"""A folder of this machine as an archive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from cluster.stores.contract import StoredObject
from cluster.stores.faults import checked_stream, checking, listing, reading


@dataclass(frozen=True)
class FolderArchive:
    """The files in a folder and in the folders below it; links to folders are not followed.

    Attributes:
        uri: a path, or file://path.
    """

    uri: str

    @cached_property
    def _root(self) -> Path:
        return Path(self.uri.removeprefix("file://")).expanduser().resolve()

    def check(self) -> None:
        """See Archive."""
        with checking(self.uri):
            next(self._root.iterdir(), None)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Archive; here in the order of the paths."""
        with listing(self.uri):
            next(self._root.iterdir(), None)  # only folders below it may be left out
            yield from _below(self._root, prefix[: prefix.rfind("/") + 1], prefix)

    def get(self, path: str) -> bytes:
        """See Archive."""
        with reading(self):
            return (self._root / path).read_bytes()

    def open(self, path: str) -> BinaryIO:
        """See Archive."""
        with reading(self):
            return checked_stream((self._root / path).open("rb"), self)


def _below(root: Path, folder: str, prefix: str) -> Iterator[StoredObject]:
    """What lies in a folder (a path from the root that ends in '/', or '') and below it."""
    try:
        with os.scandir(root / folder) as found:
            entries = sorted(found, key=_place_in_order)
    except OSError:  # gone meanwhile, or closed to us
        return
    for entry in entries:
        path = folder + entry.name
        if not path.startswith(prefix):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(root, f"{path}/", prefix)
        elif stored := _stored(path, entry):
            yield stored


def _place_in_order(entry: os.DirEntry[str]) -> str:
    """Sorts folders among files as their files' whole paths sort: a-b, a.nii, a/1.dcm."""
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


def _stored(path: str, entry: os.DirEntry[str]) -> StoredObject | None:
    """A file, or a link to one with the link's own time; None if it is gone meanwhile."""
    try:
        size_bytes = entry.stat().st_size
    except OSError:  # a link to nothing: reading it will say so
        size_bytes = 0
    try:
        changed = entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return None
    return StoredObject.stamped(path, size_bytes, changed)
