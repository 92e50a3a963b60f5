"""What one object of an archive holds, from the headers of its files alone."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import BinaryIO, Final, cast

from pydicom import Dataset

from cluster.stores.contract import Archive, StoredObject
from jobs.archive.looking.found import WHOLE, Found, Place
from segment_actor.errors import SeriesError
from segment_actor.reading.dicom.file.encoding import is_dicom
from segment_actor.reading.dicom.file.header import first_text
from segment_actor.reading.dicom.file.parsing import Unread, header_in
from segment_actor.reading.dicom.image import image_of
from segment_actor.reading.dicom.side_files import is_never_opened, is_side_file
from segment_actor.reading.dicom.sop_classes import CT_CLASSES, DICOMDIR
from segment_actor.reading.nifti import NIFTI_SUFFIXES
from segment_actor.reading.packed import (
    ZIP_START,
    container_by_name,
    is_gzip,
    is_tar,
    is_zip,
)
from segment_actor.reading.untar import open_tar
from segment_actor.reading.unzip import PIECE_BYTES, open_file

LOOK_AGAIN: Final = ""
"""In place of the version of an object that the archive did not give: no listing has it."""

START_BYTES: Final = (2**16, 2**20, 2**24)
"""Asked for of a file, and again if its header goes on behind: what is needed lies within some
kilobytes, unless a maker's elements come before it. An enhanced CT of 4,000 frames has 10 MB."""

MAX_MEMBERS: Final = 200_000
"""Files in a container: more are no study of a patient."""

NOT_READABLE: Final = (
    zipfile.BadZipFile, tarfile.TarError, NotImplementedError, RuntimeError, ValueError,
    LookupError, OverflowError, EOFError, OSError, struct.error, lzma.LZMAError, zlib.error,
)  # fmt: skip
"""What zipfile and tarfile raise on bytes that are something else, their decoders included: bz2 an
OSError, as the archive itself raises none."""

Read = Callable[[int], bytes]
"""The first so many bytes of a file."""


def files_in(archive: Archive, stored: StoredObject) -> Iterator[Found]:
    """The files of one object, each with its place; at least one.

    Args:
        archive: where it lies.
        stored: the object.

    Raises:
        SetupError: the archive as a whole does not answer.
    """
    name = stored.path.lower()
    if is_never_opened(stored.path):
        yield _plain(stored, Place.NOT_AN_IMAGE)
    elif name.endswith(NIFTI_SUFFIXES):
        yield _plain(stored, Place.NIFTI)  # the reader looks at it; a header would say nothing
    else:
        try:
            yield from _looked_at(archive, stored)
        except SeriesError:  # gone, or refused by the archive: the reader will say so
            member = WHOLE if stored.is_zip or container_by_name(name) else None
            place = Place.NOT_AN_IMAGE if is_side_file(name) else Place.DAMAGED
            yield replace(_plain(stored, place, member), version=LOOK_AGAIN)


def _plain(stored: StoredObject, place: Place, member: str | None = None) -> Found:
    return Found(stored.path, member, stored.size_bytes, stored.version, place)


def _looked_at(archive: Archive, stored: StoredObject) -> Iterable[Found]:
    if stored.is_zip:
        return _in_container(archive, stored, _of_zip)
    start = archive.start(stored.path, START_BYTES[0])
    members = _container(stored.path.lower(), start)
    if members is not None:
        return _in_container(archive, stored, members)

    def read(n_bytes: int) -> bytes:
        return start if n_bytes == START_BYTES[0] else archive.start(stored.path, n_bytes)

    return [_of_file(_plain(stored, Place.FOREIGN), read)]


def _container(name: str, start: bytes) -> Callable[[BinaryIO], Iterator[Member]] | None:
    """What tells the files of a container; None for another file, and for a viewer's own zips."""
    if is_side_file(name) or is_dicom(start):
        return None
    called = container_by_name(name)
    if is_zip(start) or called == "zip":
        return _of_zip
    return _of_tar if is_tar(start) or (is_gzip(start) and called == "tar") else None


def _of_file(found: Found, read: Read) -> Found:
    """A file with its place: the bytes decide, not the name."""
    said: Dataset | Unread = Unread.NO_DICOM
    for n_bytes in START_BYTES:
        start = read(n_bytes)
        said = header_in(start, whole=len(start) < n_bytes)
        if said is not Unread.CUT_SHORT:
            break
    if said is Unread.NO_DICOM:
        is_known = is_side_file(found.member or found.path)
        return _with_place(found, Place.NOT_AN_IMAGE) if is_known else found
    if isinstance(said, Unread):
        return _with_place(found, Place.DAMAGED)
    meta = getattr(said, "file_meta", None)
    if meta is not None and first_text(meta, "MediaStorageSOPClassUID") == DICOMDIR:
        return _with_place(found, Place.NOT_AN_IMAGE)
    image = image_of(said)
    if image.sop_class in CT_CLASSES and not image.rows:  # cut off before the image
        return _with_place(found, Place.DAMAGED)
    return replace(found, place=Place.IMAGE, image=image)


def _with_place(found: Found, place: Place) -> Found:
    return replace(found, place=place)


Member = tuple[str, int, Callable[[], BinaryIO]]
"""Name and size of a file in a container, and what opens it."""


def _in_container(
    archive: Archive, stored: StoredObject, members: Callable[[BinaryIO], Iterator[Member]]
) -> list[Found]:
    """The files of a container; itself, if nothing can be told of it or more than it says."""
    inside: list[Found] = []
    try:
        with archive.open(stored.path) as stream:
            for number, (name, size_bytes, opened) in enumerate(members(stream)):
                if number == MAX_MEMBERS:  # a series may go on behind it: none of them is sure
                    inside.append(_plain(stored, Place.DAMAGED, WHOLE))
                    break
                found = Found(stored.path, name, size_bytes, stored.version, Place.FOREIGN)
                inside.append(_of_member(found, opened))
    except NOT_READABLE:
        inside.append(_plain(stored, Place.DAMAGED, WHOLE))
    return inside or [_plain(stored, Place.DAMAGED, WHOLE)]


def _of_member(found: Found, opened: Callable[[], BinaryIO]) -> Found:
    name = found.member or ""
    if is_never_opened(name):
        return _with_place(found, Place.NOT_AN_IMAGE)
    if name.lower().endswith(NIFTI_SUFFIXES):
        return _with_place(found, Place.NIFTI)
    try:
        with opened() as content:
            return _of_file(found, reader_of(content))
    except NOT_READABLE:
        return _with_place(found, Place.DAMAGED)


def reader_of(content: BinaryIO) -> Read:
    """What reads on in a stream where a longer start is asked for."""
    start = bytearray()

    def read(n_bytes: int) -> bytes:
        while len(start) < n_bytes:
            piece = content.read(min(PIECE_BYTES, n_bytes - len(start)))
            if not piece:
                break
            start.extend(piece)
        return bytes(start[:n_bytes])

    return read


def members_of(container: BinaryIO) -> Iterator[Member]:
    """The files of a zip or tar, without folders.

    Raises:
        NOT_READABLE: it is damaged or neither of the two.
    """
    start = container.read(len(ZIP_START))
    container.seek(0)
    return _of_zip(container) if is_zip(start) else _of_tar(container)


def _of_zip(stream: BinaryIO) -> Iterator[Member]:
    with zipfile.ZipFile(stream) as container:
        for entry in sorted(container.infolist(), key=lambda one: one.header_offset):
            if not entry.filename.endswith("/") or entry.file_size:
                yield entry.filename, entry.file_size, partial(open_file, container, entry)


def _of_tar(stream: BinaryIO) -> Iterator[Member]:
    with open_tar(stream, "r:*") as container:
        for entry in container:
            if entry.isfile():
                yield entry.name, entry.size, partial(_extracted, container, entry)


def _extracted(container: tarfile.TarFile, entry: tarfile.TarInfo) -> BinaryIO:
    content = container.extractfile(entry)
    if content is None:
        raise tarfile.ReadError
    return cast("BinaryIO", content)
