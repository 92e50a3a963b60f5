"""From where files lie to their contents, or to their headers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from pydicom import Dataset

from cluster.stores.contract import Archive
from jobs.archive.grouping.series import File
from jobs.archive.looking.found import WHOLE
from jobs.archive.looking.headers import START_BYTES, ZIP_START
from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.header import first_number
from segment_actor.reading.dicom.parsing import Unread, header_in, parse
from segment_actor.reading.untar import untar
from segment_actor.reading.unzip import unzip


def fetch(archive: Archive, files: Sequence[File]) -> list[bytes]:
    """The contents of files, in their order; an object that holds several is fetched once.

    Raises:
        SeriesError: a file is gone, refused or damaged.
        SetupError: the archive as a whole no longer answers.
    """
    contents: dict[File, bytes] = {}
    for path, some in groupby(files, key=lambda one: one.path):
        data = archive.get(path)
        members = [one for one in some if one.member not in {None, WHOLE}]
        if not members:
            contents |= {one: data for one in files if one.path == path}
            continue
        inside = unzip(data) if data.startswith(ZIP_START) else untar(data)
        for one in members:
            if one.member not in inside:
                raise SeriesError(
                    FailureCode.VANISHED,
                    "A file of the series is no longer where the index found it. Run again, so "
                    "that the archive is indexed anew.",
                )
            contents[one] = inside[str(one.member)]
    return [contents[one] for one in files]


def headers_of(archive: Archive, files: Sequence[File]) -> list[Dataset]:
    """The headers of images, without their pixels; of an image on its own only its start is read.

    Args:
        archive: where they lie.
        files: of one series; what is no DICOM among them is passed over.

    Raises:
        SeriesError, SetupError: as `fetch`.
    """
    alone = [one for one in files if one.member is None]
    inside = [one for one in files if one.member is not None]
    headers = [_header(archive, one) for one in alone]
    headers += [_whole(content) for content in fetch(archive, inside)]
    return [header for header in headers if header is not None]


def _header(archive: Archive, file: File) -> Dataset | None:
    for n_bytes in START_BYTES:
        start = archive.start(file.path, n_bytes)
        said = header_in(start, whole=len(start) < n_bytes)
        if isinstance(said, Dataset):
            is_multi_frame = (first_number(said, "NumberOfFrames") or 1) > 1  # told of further on
            return _whole(archive.get(file.path)) if is_multi_frame else said
        if said is not Unread.CUT_SHORT:
            break
    return None


def _whole(content: bytes) -> Dataset | None:
    parsed = parse(content)
    return None if parsed is None else parsed.header
