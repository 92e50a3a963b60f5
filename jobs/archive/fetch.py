"""From where files lie to their contents."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from cluster.stores.contract import Archive
from jobs.archive.grouping.series import File
from jobs.archive.looking.found import WHOLE
from segment_actor.errors import FailureCode, SeriesError
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
        inside = unzip(data)
        for one in members:
            if one.member not in inside:
                raise SeriesError(
                    FailureCode.VANISHED,
                    "A file of the series is no longer where the index found it. Run again, so "
                    "that the archive is indexed anew.",
                )
            contents[one] = inside[str(one.member)]
    return [contents[one] for one in files]
