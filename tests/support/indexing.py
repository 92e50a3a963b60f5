"""An archive to its index and on to its CTs, without a command and without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

from cluster.stores.contract import Archive
from cluster.stores.opening import open_store
from cluster.stores.private_folder import PrivateFolder
from jobs.archive.demographics import Person
from jobs.archive.fetch import fetch
from jobs.archive.grouping.series import File, Series
from jobs.archive.index import Index, update_index
from jobs.archive.keys import KeyMaker
from jobs.archive.looking.side_by_side import in_threads
from segment_actor.reading.scan import Scan
from segment_actor.reading.series import read_series
from tests.support.ct_files import dicom, dicom_slices, made_hu

KEYS = KeyMaker(b"0123456789abcdef")


def index_of(
    archive: Archive | Path | str,
    folder: Path | None = None,
    people: Mapping[str, Person] | None = None,
    keys: KeyMaker = KEYS,
) -> Index:
    """The index of an archive, in a folder of its own unless one is given."""
    if isinstance(archive, Path | str):
        archive = open_store(str(archive))
    kept = PrivateFolder(str(folder or mkdtemp(prefix="ctcohort-test-index-")))
    return update_index(kept, archive, keys, in_threads(archive), people or {})


def files_of(index: Index) -> dict[int, list[File]]:
    """The files of each series, by its number."""
    with index.files() as lists:
        return {one.number: lists(one.number) for one in index.series()}


def read_one(archive: Archive, index: Index, series: Series) -> Scan:
    """A series as a run reads it."""
    files = files_of(index)[series.number]
    return read_series(
        series.kind,
        fetch(archive, files),
        [one.name for one in files],
        left_out=series.left_out,
        elsewhere=series.elsewhere,
    )


def by_path(index: Index) -> dict[str, Series]:
    """The series by the folder or file that holds them."""
    return {s.path: s for s in index.series()}


def dated(day: str, number: int, **elements: str) -> bytes:
    """A slice of a series of its own, of one patient."""
    slice_ = dicom_slices(made_hu((4, 4, 1)))[0]
    slice_.SeriesInstanceUID, slice_.StudyDate = f"1.2.{number}", day
    for keyword, value in elements.items():
        setattr(slice_, keyword, value)
    return dicom(slice_)
