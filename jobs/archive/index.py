"""The index of an archive: which CT series it holds, each once; brought up to date, never anew.

    objects as listed - those known -> look into the new ones -> series of all files -> selection

It is the hospital's link between keys and files, and stays with the hospital. What grows with the
number of objects is DuckDB's work, in bounded memory; of a series some kilobytes are held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, replace
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.stores.contract import Archive
from cluster.stores.faults import reason
from cluster.stores.private_folder import PrivateFolder
from jobs.archive.database import database_in, view, write
from jobs.archive.demographics import Person
from jobs.archive.grouping.series import FILES, File, Series, from_table
from jobs.archive.grouping.tables import report, write_series
from jobs.archive.keys import KeyMaker
from jobs.archive.looking.found import FOUND
from jobs.archive.looking.listing import find
from jobs.archive.looking.side_by_side import Look
from jobs.archive.store import (
    Generation,
    generation_after,
    name_as_valid,
    publish,
    remove_old,
    valid_generation,
)
from jobs.shared.code import source_digest
from segment_actor.errors import SetupError

DAMAGED: Final = (pa.ArrowException, KeyError, OSError, TypeError, ValueError)
"""What a Parquet file that is none, or not as an index wrote it, raises."""

NOT_WRITTEN: Final = (OSError, duckdb.IOException, duckdb.OutOfMemoryException)
"""What a disk that is full, or a folder that went away, raises."""


def update_index(
    folder: PrivateFolder,
    archive: Archive,
    keys: KeyMaker,
    look: Look,
    people: Mapping[str, Person],
) -> Index:
    """Brings an index up to date: only objects that are new or changed are looked into.

    Args:
        folder: of the index; a new one is made.
        archive: of whatever kind it is.
        keys: makes the pseudonyms.
        look: how new objects are looked into.
        people: by the `place` of their series, from a table beside the CTs.

    Raises:
        SetupError: the archive cannot be listed or no longer answers, or holds no series; the index
            is one of another archive, or cannot be written. Then it stays as it was.
    """
    try:
        return _updated(folder, archive, keys, look, people)
    except NOT_WRITTEN as error:
        raise SetupError(
            f"The index {folder.uri} cannot be brought up to date, and stays as it was: "
            f"{reason(error)}."
        ) from error


def _updated(
    folder: PrivateFolder,
    archive: Archive,
    keys: KeyMaker,
    look: Look,
    people: Mapping[str, Person],
) -> Index:
    last = valid_generation(folder)
    if last is not None and last.archive != archive.uri:
        raise SetupError(
            f"{folder.uri} is the index of another archive; write the archive's address as the "
            "first time, or give this one a folder of its own."
        )
    with folder.room() as room, database_in(room) as database:
        changes = archive.changes(last.token if last else None)
        if last is None:
            write(room / "known.parquet", FOUND, [])
            view(database, "known", room / "known.parquet")
        else:
            view(database, "known", folder.on_disk(last.file("found"), room))
        basis = _basis(keys, people)
        generation = generation_after(last, archive.uri, changes.token, basis, keys.check)
        rules_changed = last is None or last.basis != basis
        if find(database, room, changes, look, anew=rules_changed) or last is None:
            report(database, write_series(database, room, archive.uri, keys, people))
            publish(folder, room, generation)
        else:
            generation = replace(last, token=changes.token)
            report(database, Index(folder, generation).series())
            name_as_valid(folder, generation)
        remove_old(folder, generation)
    return Index(folder, generation)


def _basis(keys: KeyMaker, people: Mapping[str, Person]) -> str:
    """What series follow from beside the objects: the rules, the site's secret, the demographics.

    Keyed, as who stands in a table could be guessed.
    """
    lines = [f"{path}\n{astuple(person)}" for path, person in sorted(people.items())]
    return keys.input_version("\n".join([source_digest(), *lines]))


class Index:
    """One generation of an index.

    Args:
        folder: of the index.
        generation: which; None takes the valid one.

    Raises:
        SetupError: there is no index.
    """

    def __init__(self, folder: PrivateFolder, generation: Generation | None = None) -> None:
        generation = generation or valid_generation(folder)
        if generation is None:
            raise SetupError(
                f"{folder.uri} holds no index; make one with: "
                "ctcohort index --archive URI --out FOLDER"
            )
        self.archive = generation.archive
        self.folder = folder
        self.generation = generation

    def series(self) -> list[Series]:
        """All series, by their numbers.

        Raises:
            SetupError: the index is damaged.
        """
        with self._file("series") as stored:
            return from_table(stored.read())

    @contextmanager
    def files(self) -> Iterator[FilesOf]:
        """What tells the files of a series.

        Raises:
            SetupError: the index is damaged, here or while it is asked.
        """
        with self._file("files") as stored:
            yield FilesOf(stored)

    @contextmanager
    def _file(self, table: str) -> Iterator[pq.ParquetFile]:
        with self.folder.room() as room:
            try:
                file = self.folder.on_disk(self.generation.file(table), room)
                with pq.ParquetFile(file, page_checksum_verification=True) as stored:
                    yield stored
            except DAMAGED as error:
                raise SetupError(
                    f"The index {self.folder.uri} is damaged; remove the folder and make it again: "
                    "ctcohort index --archive URI --out FOLDER"
                ) from error


class FilesOf:
    """The files of series, looked up by number; the rows lie sorted by it.

    Args:
        stored: the table `FILES`.
    """

    def __init__(self, stored: pq.ParquetFile) -> None:
        self._stored = stored
        groups = (stored.metadata.row_group(n) for n in range(stored.num_row_groups))
        ends = (group.column(0).statistics for group in groups)
        self._ranges = [(end.min, end.max) for end in ends]
        self._read: list[int] = []
        self._table = FILES.empty_table()

    def __call__(self, number: int) -> list[File]:
        """The files of a series; those of the next are at hand for the next call."""
        groups = [n for n, (low, high) in enumerate(self._ranges) if low <= number <= high]
        if groups != self._read:
            self._read, self._table = groups, self._stored.read_row_groups(groups)
        mine = self._table.filter(pc.equal(self._table["number"], number))
        return [File(row["path"], row["member"]) for row in mine.to_pylist()]
