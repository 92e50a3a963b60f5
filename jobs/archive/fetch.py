"""From where files lie to their contents, or to their headers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Final

from pydicom import Dataset

from cluster.stores.contract import Archive
from jobs.archive.grouping.series import File
from jobs.archive.looking.found import WHOLE
from jobs.archive.looking.headers import (
    NOT_READABLE,
    START_BYTES,
    Read,
    members_of,
    reader_of,
)
from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.file.encoding import is_dicom
from segment_actor.reading.dicom.file.parsing import parse
from segment_actor.reading.packed import is_zip
from segment_actor.reading.untar import untar
from segment_actor.reading.unzip import unzip

HEADER_BYTES: Final = (*START_BYTES, 2**28)
"""Asked for until the header ends: that of an enhanced CT goes on behind what tells its series."""

_PLAIN: Final = frozenset((None, WHOLE))
"""In place of the name of a file in a container: the object itself."""


def fetch(archive: Archive, files: Sequence[File]) -> list[bytes]:
    """The contents of files, in their order; an object that holds several is fetched once.

    Raises:
        SeriesError: a file is gone, refused or damaged.
        SetupError: the archive as a whole no longer answers.
    """
    contents: list[bytes] = []
    for path, some in groupby(files, key=lambda one: one.path):
        data = archive.get(path)
        names = [one.member for one in some]
        inside = {} if _PLAIN.issuperset(names) else _unpacked(data)
        contents += [_file(data, inside, name) for name in names]
    return contents


def _unpacked(data: bytes) -> dict[str, bytes]:
    return unzip(data) if is_zip(data) else untar(data)


def _file(data: bytes, inside: Mapping[str, bytes], name: str | None) -> bytes:
    """An object as it is, or a file in it."""
    if name is None or name == WHOLE:
        return data
    if name not in inside:
        raise _gone()
    return inside[name]


def headers_of(archive: Archive, files: Sequence[File]) -> list[Dataset]:
    """The headers of images, in any order; no pixels are fetched where the archive can help it.

    Args:
        archive: where they lie.
        files: of one series; what is no DICOM among them is passed over.

    Raises:
        SeriesError, SetupError: as `fetch`.
    """
    headers: list[Dataset | None] = []
    for path, some in groupby(files, key=lambda one: one.path):
        members = {one.member for one in some} - _PLAIN
        if members:
            headers += _inside(archive, path, members)
        else:
            headers.append(_header(partial(archive.start, path)))
    return [header for header in headers if header is not None]


def _inside(
    archive: Archive, path: str, members: Collection[str | None]
) -> Iterator[Dataset | None]:
    """The headers of some files of a container."""
    missing = set(members)
    try:
        with archive.open(path) as stream:
            for name, _, opened in members_of(stream):
                if name in missing:
                    missing.remove(name)
                    with opened() as content:
                        yield _header(reader_of(content))
    except NOT_READABLE:
        raise _gone() from None
    if missing:
        raise _gone()


def _header(read: Read) -> Dataset | None:
    """All of a file before its pixels; None if it is no DICOM, or damaged."""
    for n_bytes in HEADER_BYTES:
        start = read(n_bytes)
        if not is_dicom(start):
            return None
        parsed = parse(start)
        is_all = len(start) < n_bytes
        if parsed is not None and (is_all or parsed.at < len(parsed.encoded.data)):
            return parsed.header
        if is_all:
            return None
    return None


def _gone() -> SeriesError:
    return SeriesError(
        FailureCode.VANISHED,
        "A file of the series is no longer where the index found it. Run again, so that the "
        "archive is indexed anew.",
    )
