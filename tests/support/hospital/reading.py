"""What the product finds in an archive and reads of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from cluster.stores.contract import Archive
from cluster.stores.opening import open_store
from jobs.archive.fetch import fetch
from jobs.archive.grouping.series import File, Series
from jobs.archive.looking.headers import files_in
from segment_actor.errors import SeriesError
from segment_actor.reading.scan import Scan
from segment_actor.reading.series import read_series
from tests.support.hospital.outcome import Expected, Layout
from tests.support.indexing import index_of
from tests.support.tiny_cohort import write_objects


@dataclass(frozen=True, eq=False)
class Measured:
    """A series of the index, and what became of it when it was read, selected or not.

    Attributes:
        description: of its header.
        images: files that were read.
        left_out: images of its series that belong to no volume.
        why_not: why it is not selected; "" if it is.
        series_key, patient_key: pseudonyms.
        scan: the CT; None if it was refused.
        code, sentence: why it was; "" if it was not.
    """

    description: str
    images: int
    left_out: int
    why_not: str
    series_key: str = field(repr=False)
    patient_key: str | None = field(repr=False)
    scan: Scan | None = field(repr=False)
    code: str = ""
    sentence: str = ""

    def is_as(self, expected: Expected, patient_key: str | None) -> bool:
        """Whether it is exactly what it should be."""
        return (
            self.description == expected.description
            and self.images >= expected.images  # copies are read too
            and self.left_out == expected.left_out
            and self.why_not == expected.why_not
            and self.patient_key == patient_key
            and self._is_read_as(expected)
        )

    def _is_read_as(self, expected: Expected) -> bool:
        if self.scan is None or expected.truth is None:
            is_refused = self.scan is None and expected.truth is None
            return is_refused and expected.code in ("", self.code)
        volume, truth = self.scan.volume, expected.truth
        if not expected.exact:
            return int(volume.hu.shape[2]) == truth.n_slices
        return truth.is_equal(volume.hu, volume.affine)


def on_disk(layout: Layout, folder: Path) -> Archive:
    """A folder of this machine, with its links and empty folders."""
    write_objects(folder, layout.files)
    for path in layout.empty_folders:
        (folder / path).mkdir(parents=True)
    for path, target in layout.links.items():
        link = folder / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder / target)
    return open_store(str(folder))


def measured(archive: Archive, folder: Path) -> list[Measured]:
    """Indexes an archive, and reads every series of the index.

    Args:
        archive: of any kind.
        folder: for its index.
    """
    index = index_of(archive, folder)
    with index.files() as files_of:
        return [_measured(archive, one, files_of(one.number)) for one in index.series()]


def _measured(archive: Archive, series: Series, files: list[File]) -> Measured:
    scan, code, sentence = None, "", ""
    try:
        scan = read_series(series.kind, fetch(archive, files), [file.name for file in files])
    except SeriesError as refused:
        code, sentence = refused.code.value, refused.sentence
    return Measured(
        description=series.description,
        images=len(files),
        left_out=series.left_out,
        why_not=series.why_not or "",
        series_key=series.series_key,
        patient_key=series.patient_key,
        scan=scan,
        code=code,
        sentence=sentence,
    )


def places(archive: Archive) -> Counter[str]:
    """How many files of an archive are what."""
    return Counter(
        found.place.value for stored in archive.list() for found in files_in(archive, stored)
    )
