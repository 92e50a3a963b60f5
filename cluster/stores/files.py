"""A folder of this machine as an archive."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

from cluster.stores.contract import Changes, StoredObject
from cluster.stores.faults import checked_stream, checking, listing, reading

log = logging.getLogger(__name__)

_ESCAPED: Final = re.compile(rb"\\x([89a-f][0-9a-f])")
"""A byte of a name that is no UTF-8, as `_as_text` writes it."""

MAX_DEPTH: Final = 100
"""Folders in one another, far below what Python can call."""


@dataclass(frozen=True)
class FolderArchive:
    """The files in a folder and in the folders below it.

    A link to a folder elsewhere is followed, once; what is neither file nor folder is not listed.
    What was left out for that or another reason is counted in the log. A name that is not UTF-8 has
    a path all the same, with a backslash, x and two digits for a byte that is none.

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
            self._identity()

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Archive; here in the order of the paths."""
        walk = _Walk(self._root, prefix)
        with listing(self.uri):
            before = self._identity()  # only folders below it may be left out
            start = prefix[: prefix.rfind("/") + 1]
            yield from walk.below(self._root / start, start)
            if self._identity() != before:  # an empty folder is where a drive was
                raise OSError(errno.ESTALE, "its drive was taken away meanwhile")
        for reason, count in sorted(walk.left_out.items()):
            log.warning("%s: left out of the listing: %d %s", self.uri, count, reason)

    def changes(self, token: str | None) -> Changes:
        """See Archive; a file system keeps no list of what changed."""
        del token
        return Changes(self.list(), token=None, whole=True)

    def get(self, path: str) -> bytes:
        """See Archive."""
        with reading(self):
            return self._file(path).read_bytes()

    def start(self, path: str, n_bytes: int) -> bytes:
        """See Archive."""
        with reading(self), self._file(path).open("rb") as stream:
            return stream.read(n_bytes)

    def open(self, path: str) -> BinaryIO:
        """See Archive."""
        with reading(self):
            return checked_stream(self._file(path).open("rb"), self)

    def _identity(self) -> tuple[int, int]:
        """Device and inode of the folder, of which one entry was read."""
        with os.scandir(self._root) as entries:
            next(entries, None)
        status = self._root.stat()
        return status.st_dev, status.st_ino

    def _file(self, path: str) -> Path:
        file = self._root / path
        if "\\x" not in path or os.path.lexists(file):
            return file
        return self._root / os.fsdecode(_ESCAPED.sub(_byte, path.encode()))


@dataclass
class _Walk:
    """One way through an archive's folders.

    Attributes:
        root: of the archive, without links on the way to it.
        prefix: of the paths that are asked for.
        left_out: how many entries were, by the reason.
        linked: device and inode of each folder that was reached by a link.
    """

    root: Path
    prefix: str
    left_out: Counter[str] = field(default_factory=Counter)
    linked: set[tuple[int, int]] = field(default_factory=set)

    def below(self, folder: Path, path: str, *, linked: bool = False) -> Iterator[StoredObject]:
        """What lies in a folder and below it, in the order of the paths.

        Args:
            folder: where it is.
            path: from the root, ending in '/', or ''.
            linked: whether a link leads there.
        """
        for name, entry in self._entries(folder):
            if not f"{path}{name}".startswith(self.prefix):
                continue
            if name.endswith("/"):
                yield from self._folder(entry, path + name, linked=linked)
            elif _is_file(entry):
                yield from self._stored(entry, path + name)
            elif os.path.exists(entry.path):  # noqa: PTH110  # a Path of it may be too long
                self.left_out["pipes, sockets or devices"] += 1
            else:
                self.left_out["links that lead nowhere"] += 1

    def _entries(self, folder: Path) -> list[tuple[str, os.DirEntry[str]]]:
        """What a folder holds, by name; nothing of one that is gone or cannot be read."""
        try:
            with os.scandir(folder) as found:
                return sorted(((_as_text(each), each) for each in found), key=lambda one: one[0])
        except (FileNotFoundError, NotADirectoryError):
            pass
        except PermissionError:
            self.left_out["folders that this user may not read"] += 1
        except OSError:
            self.left_out["folders that the disk cannot read"] += 1
        return []

    def _stored(self, entry: os.DirEntry[str], path: str) -> Iterator[StoredObject]:
        """A file, or a link to one, which changes with either; nothing if it is gone meanwhile."""
        try:
            here, there = entry.stat(follow_symlinks=False), entry.stat()
        except FileNotFoundError:
            return
        except OSError:
            self.left_out["files that the disk cannot read"] += 1
            return
        changed = f"{here.st_mtime}:{there.st_mtime}" if entry.is_symlink() else here.st_mtime
        yield StoredObject.stamped(path, there.st_size, changed)

    def _folder(
        self, entry: os.DirEntry[str], path: str, *, linked: bool
    ) -> Iterator[StoredObject]:
        if path.count("/") > MAX_DEPTH:
            self.left_out["folders that lie too deep"] += 1
            return
        if entry.is_symlink() and self._is_listed_anyway(Path(entry.path).resolve()):
            self.left_out["links to folders that are in the archive anyway"] += 1
            return
        linked = linked or entry.is_symlink()
        if linked:
            status = entry.stat()
            place = (status.st_dev, status.st_ino)
            if place in self.linked:
                self.left_out["further ways to a linked folder"] += 1
                return
            self.linked.add(place)
        yield from self.below(Path(entry.path), path, linked=linked)

    def _is_listed_anyway(self, target: Path) -> bool:
        """Whether a folder is in the archive, or the archive in it.

        One in a hidden folder is not: nobody takes CTs from there, so the link is the way to it.
        """
        if self.root.is_relative_to(target):
            return True
        inside = target.relative_to(self.root).parts if target.is_relative_to(self.root) else None
        return inside is not None and not any(part.startswith(".") for part in inside)


def _as_text(entry: os.DirEntry[str]) -> str:
    """A name that can be written anywhere, with a '/' behind that of a folder.

    So folders are sorted among files as their files' whole paths sort: a-b, a.nii, a/1.dcm.
    """
    name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
    try:
        return f"{name}/" if entry.is_dir() else name
    except OSError:  # a circle of links
        return name


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _byte(escaped: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escaped[1].decode())
