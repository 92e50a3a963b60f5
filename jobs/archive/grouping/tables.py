"""From what was found to the two tables of the index: the series, and their files."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from jobs.archive.database import ROWS, batches, rows_of, write
from jobs.archive.demographics import Person
from jobs.archive.grouping.doubtful import Doubtful, doubtful_files
from jobs.archive.grouping.drafts import (
    Draft,
    draft_of_container,
    draft_of_nifti,
    drafts_of_doubtful,
    drafts_of_images,
)
from jobs.archive.grouping.naming import Named, named, series_of
from jobs.archive.grouping.series import FILES, SERIES, Series, to_row
from jobs.archive.keys import KeyMaker
from jobs.archive.looking.found import Found, from_rows
from segment_actor.errors import SetupError

log = logging.getLogger(__name__)

IMAGES: Final = "FROM found WHERE place = 'image' ORDER BY series_uid, path, member"
NIFTI: Final = "FROM found WHERE place = 'nifti' ORDER BY path, member"
OTHERS: Final = "FROM found WHERE place NOT IN ('image', 'nifti') ORDER BY path, member"
IMAGES_BESIDE: Final = """
FROM found WHERE place = 'image'
AND folder IN (SELECT folder FROM found WHERE place IN ('foreign', 'damaged'))
"""
"""Those that share a folder with a file that may be damaged."""

WITHOUT_CT: Final = """
FROM found WHERE member IS NOT NULL
QUALIFY count(*) FILTER (place IN ('image', 'nifti')) OVER (PARTITION BY path) = 0
    AND row_number() OVER (PARTITION BY path ORDER BY member) = 1
ORDER BY path
"""
"""One file of each container that holds no CT."""


def write_series(
    database: duckdb.DuckDBPyConnection,
    room: Path,
    archive_uri: str,
    keys: KeyMaker,
    people: Mapping[str, Person],
) -> list[Series]:
    """Writes ROOM/files.parquet and ROOM/series.parquet.

    Args:
        database: with the view `found`.
        room: private folder.
        archive_uri: of what is indexed.
        keys: makes the pseudonyms.
        people: by the `place` of their series, from a table beside the CTs.

    Raises:
        SetupError: there is no series.
    """
    doubtful = _doubtful(database)
    names: list[Named] = []
    files = _files(_drafts(database, doubtful), names, keys)
    write(room / "files.parquet", FILES, files)
    if not names:
        raise SetupError(
            f"No CT series under {archive_uri}: no DICOM, NIfTI, zip or tar file that can be read."
        )
    series = series_of(names, archive_uri, keys, people)
    rows = map(to_row, series)
    tables = (pa.Table.from_pylist(some, schema=SERIES) for some in batches(rows, ROWS))
    write(room / "series.parquet", SERIES, tables)
    return series


def _files(drafts: Iterable[Draft], names: list[Named], keys: KeyMaker) -> Iterator[pa.Table]:
    """The files of the drafts, each of which gets a name and then is let go."""

    def rows() -> Iterator[dict[str, object]]:
        for number, draft in enumerate(drafts):
            names.append(named(draft, keys))
            for one in draft.files:
                yield {"number": number, "path": one.path, "member": one.member}

    for some in batches(rows(), ROWS):
        yield pa.Table.from_pylist(some, schema=FILES)


def _drafts(database: duckdb.DuckDBPyConnection, doubtful: Doubtful) -> Iterator[Draft]:
    yield from drafts_of_images(_found(database, IMAGES), doubtful)
    yield from map(draft_of_nifti, _found(database, NIFTI))
    yield from drafts_of_doubtful(doubtful)
    for one in _found(database, WITHOUT_CT):
        if one.path not in doubtful.by_folder:
            yield draft_of_container(one)


def _doubtful(database: duckdb.DuckDBPyConnection) -> Doubtful:
    others = list(_found(database, OTHERS))
    suffixes: dict[str, set[str]] = {}
    for one in _found(database, IMAGES_BESIDE):
        suffixes.setdefault(one.folder, set()).update(one.name.suffixes)
    return doubtful_files(others, suffixes)


def _found(database: duckdb.DuckDBPyConnection, sql: str) -> Iterator[Found]:
    return from_rows(rows_of(database, sql))


def report(database: duckdb.DuckDBPyConnection, series: Sequence[Series]) -> None:
    """Says in the log where every file went, and why series are not measured.

    Args:
        database: with the view `found`.
        series: of its files.
    """
    places = database.sql("SELECT place, count(*) FROM found GROUP BY place ORDER BY place")
    log.info("files: %s", ", ".join(f"{count:,} {place}" for place, count in places.fetchall()))
    selected = [one for one in series if one.selected]
    kinds = Counter(_KINDS.get(one.kind, one.kind) for one in selected)
    if selected:
        log.info("%s series to measure: %s", f"{len(selected):,}", _counts(kinds))
    else:
        log.warning(
            "0 series to measure: none is a CT volume across the body. why_not of the index has "
            "the reasons; docs/reference/series.md explains them, and --series all takes more."
        )
    reasons = Counter(one.why_not for one in series if one.why_not)
    if reasons:
        log.info("%s others, not measured: %s", f"{reasons.total():,}", _counts(reasons))
    _report_studies(series)
    nameless = sum(one.patient_key is None for one in selected if one.kind == "dicom")
    if nameless:
        log.warning("%s DICOM series to measure name no patient.", f"{nameless:,}")


_KINDS: Final = {kind: f"{kind} without a readable image" for kind in ("zip", "tar")}
"""Of a container that is a series of its own because nothing in it could be told."""


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counted.most_common())


def _report_studies(series: Sequence[Series]) -> None:
    """Says how many visits leave no row in the tables."""
    studies = {one.study_key for one in series if one.study_key}
    without = studies - {one.study_key for one in series if one.selected}
    if without:
        log.warning(
            "Nothing is measured of %s of %s studies.", f"{len(without):,}", f"{len(studies):,}"
        )
