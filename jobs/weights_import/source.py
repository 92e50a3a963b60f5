"""What models can be imported from: a folder, an s3:// prefix, or a .zip in either.

Whatever it is, it is listed and opened in the same way, and only the three files of a model are
ever taken out of it: nothing else in an archive can reach the disk.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, cast

from cluster.stores.contract import Archive, StoredObject
from cluster.stores.opening import open_store
from segment_actor.errors import FailureCode, SeriesError, SetupError
from segment_actor.models.folder import PLANS


class Source(Protocol):
    """A tree of files that is read and never written."""

    @property
    def uri(self) -> str:
        """Folder, prefix or .zip, as the user named it: for messages."""
        ...

    def list(self) -> Iterable[StoredObject]:
        """All files, paths relative to the source."""
        ...

    def open(self, path: str) -> BinaryIO:
        """Opens a file of the list for reading; the caller closes it."""
        ...


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One model folder in a source.

    Attributes:
        name: 'dataset/model'.
        prefix: its path in the source, with a '/' at the end unless it is the source itself.
        source: the folder, prefix or .zip that it lies in.
        sizes: path of every file of the source to its size in bytes.
    """

    name: str
    prefix: str
    source: Source
    sizes: Mapping[str, int]

    @property
    def uri(self) -> str:
        """Where the model lies, as messages and the lock file say it."""
        return f"{self.source.uri.rstrip('/')}/{self.prefix}".rstrip("/")


@dataclass
class ZipSource:
    """A .zip that was not trusted to be one; every member is looked at before the first is read.

    Attributes:
        uri: the .zip, as the user named it.
        stream: its bytes, seekable.
    """

    uri: str
    stream: BinaryIO

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.stream)
        except (zipfile.BadZipFile, OSError, EOFError, SeriesError) as error:
            raise SetupError(
                f"{self.uri} is no whole .zip ({error}); download or copy it again"
            ) from error

    def list(self) -> list[StoredObject]:
        """The files in it.

        Raises:
            SetupError: it is not a whole .zip, or a member would leave its folder.
        """
        members = self._archive.infolist()
        for member in members:
            self._refuse_unsafe(member)
        return [
            StoredObject(member.filename, member.file_size, f"{member.CRC:08x}")
            for member in members
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]

    def open(self, path: str) -> BinaryIO:
        """Opens a member for reading, decompressed."""
        return cast("BinaryIO", self._archive.open(path))

    def _refuse_unsafe(self, member: zipfile.ZipInfo) -> None:
        path = PurePosixPath(member.filename)
        mode = member.external_attr >> 16
        fault = ""
        if (
            path.is_absolute()
            or "\\" in member.filename
            or ":" in member.filename.partition("/")[0]
        ):
            fault = "an absolute path"
        elif ".." in path.parts:
            fault = "a path out of its folder"
        elif stat.S_ISLNK(mode):
            fault = "a link"
        elif member.flag_bits & 1:
            fault = "encrypted"
        if fault:
            raise SetupError(
                f"{self.uri}: member '{member.filename}' is {fault}; nothing was unpacked. Take "
                "the archive from a source you trust"
            )


@contextmanager
def models_in(uri: str) -> Iterator[list[FoundModel]]:
    """The models in a folder, an s3:// prefix or a .zip, and in each .zip at its top.

    Raises:
        SetupError: it does not exist, does not answer, or is a damaged or unsafe .zip.
    """
    if uri.endswith(".zip"):
        folder, _, name = uri.rpartition("/")
        store = open_store(folder or ("/" if uri.startswith("/") else "."))
        found, archives = [], [name]
    else:
        store = open_store(uri)
        found = _found(store, _root(uri))
        paths = [entry.path for entry in store.list()]
        archives = [path for path in paths if path.endswith(".zip") and "/" not in path]
    streams = [_open(store, path) for path in archives]
    try:
        for path, stream in zip(archives, streams, strict=True):
            archive = ZipSource(f"{store.uri.rstrip('/')}/{path}", stream)
            found += _found(archive, (PurePosixPath(path).stem,))
        yield found
    finally:
        for stream in streams:
            stream.close()


def _found(source: Source, root: tuple[str, ...]) -> list[FoundModel]:
    """Each folder named as nnU-Net names a model's, in a folder named as that of a data set.

    Args:
        source: to look through.
        root: last parts of the source's own path, as it may itself be such a folder.
    """
    found = []
    sizes = {entry.path: entry.size_bytes for entry in source.list()}
    for path in sizes:
        *folders, file = path.split("/")
        dataset, model = ("", "", *root, *folders)[-2:]
        if file == PLANS and dataset.startswith("Dataset") and "__" in model:
            prefix = "".join(f"{folder}/" for folder in folders)
            found.append(FoundModel(f"{dataset}/{model}", prefix, source, sizes))
    return found


def _root(uri: str) -> tuple[str, ...]:
    """The last two parts of a folder's path or a bucket's prefix."""
    path = uri if uri.startswith("s3://") else str(Path(uri).expanduser().resolve())
    return tuple(path.rstrip("/").split("/")[-2:])


def _open(store: Archive, path: str) -> BinaryIO:
    try:
        return store.open(path)
    except SeriesError as error:
        why = "no such file" if error.code is FailureCode.VANISHED else "permission denied"
        raise SetupError(f"{store.uri}/{path} cannot be opened ({why}); check it") from error
