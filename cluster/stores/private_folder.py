"""A folder of files for the eyes of its owner alone: on this machine, or in a private bucket."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import fsspec
from fsspec.implementations.local import LocalFileSystem

from cluster.stores.faults import TRANSPORT_ERRORS, reason
from cluster.stores.one_file import read_bytes
from segment_actor.errors import SetupError

_OWNER_ONLY_FILE = 0o600
_OWNER_ONLY_FOLDER = 0o700


_ROOM = ".at-work-"

ABANDONED_AFTER_S = 2 * 86_400
"""Whoever works in a room writes into it every few minutes, or has nothing there that is missed."""


class PrivateFolder:
    """Files by name, written whole or not at all.

    In a bucket its policy decides who may read them; on this machine only the owner may.

    Args:
        uri: path, or s3://bucket/prefix.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/") or "/"

    @cached_property
    def _store(self) -> tuple[fsspec.AbstractFileSystem, str]:
        store, path = fsspec.url_to_fs(self.uri, **_fresh(self.uri))
        return store, str(path)

    @cached_property
    def _here(self) -> Path | None:
        """Its place on this machine, if it is here."""
        store, path = self._store
        return Path(path) if isinstance(store, LocalFileSystem) else None

    def names(self) -> set[str]:
        """Of its files; none if it does not exist.

        Raises:
            SetupError: it cannot be listed.
        """
        store, path = self._store
        with self._reached():
            if not store.exists(path):
                return set()
            return {str(name).rsplit("/", 1)[-1] for name in store.ls(path, detail=False)}

    def read(self, name: str) -> bytes:
        """A file. SetupError: it cannot be read."""
        return read_bytes(self._at(name))

    def write(self, name: str, data: bytes) -> None:
        """A small file, in one step: a reader has the old one or the new one.

        Raises:
            SetupError: it cannot be written.
        """
        with self.room() as room:
            (room / name).write_bytes(data)
            self.take(room / name, name)

    @contextmanager
    def room(self) -> Iterator[Path]:
        """A private folder of this machine to work in, removed afterwards.

        Those that nobody has written into for some days are removed, too: they were left behind by
        a process that was killed.

        Raises:
            SetupError: it cannot be made.
        """
        with self._reached():
            if self._here is not None:
                self._here.mkdir(parents=True, exist_ok=True, mode=_OWNER_ONLY_FOLDER)
            made = TemporaryDirectory(prefix=_ROOM, dir=self._here)
        with made as room:
            _remove_abandoned(Path(room).parent)
            yield Path(room)

    def take(self, file: Path, name: str) -> None:
        """Moves a file of a `room` here.

        Raises:
            SetupError: it cannot be written.
        """
        with self._reached():
            if self._here is not None:
                file.chmod(_OWNER_ONLY_FILE)
                file.replace(self._here / name)
            else:
                self._store[0].put_file(str(file), f"{self._store[1]}/{name}")

    def on_disk(self, name: str, room: Path) -> Path:
        """A file that can be opened by its path: this one, or a copy in a room.

        Raises:
            SetupError: it cannot be read.
        """
        if self._here is not None:
            return self._here / name
        with self._reached():
            self._store[0].get_file(f"{self._store[1]}/{name}", str(room / name))
        return room / name

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""
        with self._reached():
            if self._here is not None:
                (self._here / name).unlink(missing_ok=True)
            else:
                self._store[0].rm_file(f"{self._store[1]}/{name}")

    def _at(self, name: str) -> str:
        return f"{self.uri}/{name}"

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except TRANSPORT_ERRORS as error:
            raise SetupError(f"Cannot use {self.uri}: {reason(error)}.") from error


def _remove_abandoned(place: Path) -> None:
    for room in place.glob(f"{_ROOM}*"):
        if time.time() - _last_written_s(room) > ABANDONED_AFTER_S:
            shutil.rmtree(room, ignore_errors=True)


def _last_written_s(room: Path) -> float:
    """Seconds since the epoch; now for one that goes away meanwhile, or is another user's."""
    try:
        return max(each.stat().st_mtime for each in (room, *room.rglob("*")))
    except OSError:
        return time.time()


def _fresh(uri: str) -> dict[str, bool]:
    return {"use_listings_cache": False} if uri.startswith("s3://") else {}
