"""Compaction: few large sorted files in the place of the many small ones that commits leave.

`structures` is sorted by structure and series, so that a question about one structure reads that
structure's row groups alone, and a question about one series one row group of each structure.
The rows stay what they are, those of a commit under way among them: readers see the same before,
during and after it (stats.tables.files).

A killed compaction leaves files that belong to no table; a later `vacuum` removes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, Transaction

from segment_actor.errors import SetupError
from stats.query import connect
from stats.sql.wide import WIDE, refresh, structure_names
from stats.tables.files import (
    ROW_GROUP_ROWS,
    columns_of,
    in_passes,
    mixed_source,
    quoted,
    reader,
    replace_files,
    room_to_sort,
    stored_files,
    write_file,
)
from stats.tables.growth import is_mixed, say_all_files_have, stored_schema
from stats.tables.opening import open_table, read_from_store
from stats.tables.schema import PARTITION, SCHEMAS, STRUCTURES, TABLES, Table
from stats.tables.storage import StorageOptions, clear_sentences, storage_options, table_uri

KEEP_HOURS: Final = 7 * 24
"""A replaced file stays so long, for readers and runs that opened the table before."""

_FENCE_ID: Final = "ctcohort-compaction"


@dataclass(frozen=True, slots=True)
class CompactedPartition:
    """One partition of one table, before and after.

    Attributes:
        table: its name.
        partition: its run_date.
        rows: in it.
        files_before, files_after: number of files.
    """

    table: str
    partition: str
    rows: int
    files_before: int
    files_after: int


def compact(tables: str, options: StorageOptions | None = None) -> Iterator[CompactedPartition]:
    """Sorts every partition that has files no compaction wrote; says each as it is done.

    Raises:
        SetupError: there are no tables, or they cannot be read or written.
        CommitConflict: another compaction, or a recovery of a run, came in between. What was said
            to be done stays done; the rest may be tried again.
    """
    settings = storage_options(tables, options)
    with clear_sentences(tables), duckdb.connect() as database, room_to_sort(database):
        read_from_store(database, tables, settings)
        for of in TABLES:
            table = open_table(tables, of.name, settings)
            if table is not None:
                yield from _compact_table(database, of, table, table_uri(tables, of.name))


def vacuum(tables: str, options: StorageOptions | None = None) -> int:
    """Deletes files that no table has needed for `KEEP_HOURS`; how many.

    Raises:
        SetupError: there are no tables, or they cannot be written.
    """
    settings = storage_options(tables, options)
    deleted = 0
    with clear_sentences(tables):
        for name in (*SCHEMAS, WIDE):
            uri = table_uri(tables, name)
            if DeltaTable.is_deltatable(uri, storage_options=settings):
                table = DeltaTable(uri, storage_options=settings)
                # full: also files of a compaction or a commit that was killed
                deleted += len(table.vacuum(KEEP_HOURS, dry_run=False, full=True))
    return deleted


def _compact_table(
    database: duckdb.DuckDBPyConnection, of: Table, table: DeltaTable, root: str
) -> Iterator[CompactedPartition]:
    # What the table has is kept, a column that this version does not know among it.
    columns = stored_schema(table)
    mixed = is_mixed(table)
    in_files = columns.remove(columns.get_field_index(PARTITION))
    partitions = {f.partition for f in stored_files(table) if mixed or not f.is_sorted}
    for partition in sorted(str(p) for p in partitions):
        # Files and number are of one state of the table: what happens after it refuses the rewrite.
        fence = Transaction(_FENCE_ID, (table.transaction_version(_FENCE_ID) or 0) + 1)
        old = [file for file in stored_files(table) if file.partition == partition]
        counts = [(f"{root}/{file.path}", file.rows) for file in old]
        with TemporaryDirectory(prefix="ctcohort-runs-") as folder:
            new = [
                write_file(table, partition, in_files, reader(database, sql))
                for sql in _in_order(database, of, in_files, counts, Path(folder))
            ]
        rows = sum(file.rows for file in old)
        if rows != sum(file.rows for file in new):
            raise SetupError(
                f"table {of.name}, {partition}: not {rows} rows in its files as it says"
            )
        replace_files(table, old, new, fence)
        yield CompactedPartition(of.name, partition, rows, len(old), len(new))
    if mixed:
        say_all_files_have(table, columns)
    if partitions:
        table.create_checkpoint()


def _in_order(
    database: duckdb.DuckDBPyConnection,
    of: Table,
    schema: pa.Schema,
    counts: Sequence[tuple[str, int]],
    folder: Path,
) -> Iterator[str]:
    """One question for each file to be written: its rows in order, as many as memory can sort."""
    order = ", ".join(of.sorted_by)
    uris = [uri for uri, _ in counts]
    columns = _columns(database, schema, uris)
    if of.schema is not STRUCTURES:
        yield f"SELECT {columns} FROM {mixed_source(uris)} ORDER BY {order}"  # noqa: S608 - our own names
        return
    groups = list(in_passes(counts))
    if len(groups) > 1:
        uris = _runs(database, groups, columns, folder)
        columns = ", ".join(schema.names)
    source = mixed_source(uris)
    sql = f"SELECT structure, count(*) FROM {source} GROUP BY 1 ORDER BY 1"  # noqa: S608 - our own names
    for structures in in_passes(database.execute(sql).fetchall()):
        chosen = f"structure IN ({quoted(structures)})"
        yield f"SELECT {columns} FROM {source} WHERE {chosen} ORDER BY {order}"  # noqa: S608 - our own names


def _columns(database: duckdb.DuckDBPyConnection, schema: pa.Schema, uris: Sequence[str]) -> str:
    """SQL of all columns of a table, NULL those that none of these files has."""
    present = columns_of(database, mixed_source(uris))
    return ", ".join(name if name in present else f'NULL AS "{name}"' for name in schema.names)


def _runs(
    database: duckdb.DuckDBPyConnection, groups: Sequence[list[str]], columns: str, folder: Path
) -> list[str]:
    """Local copies in which a structure's rows lie together.

    Without them every pass over the structures would read all rows of all structures: 26 times
    10^8 rows instead of twice.
    """
    runs: list[str] = []
    for group in groups:
        runs.append(str(folder / f"{len(runs)}.parquet"))
        rows = f"SELECT {columns} FROM {mixed_source(group)} ORDER BY structure"  # noqa: S608 - our own names
        form = f"COMPRESSION lz4_raw, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
        database.execute(f"COPY ({rows}) TO {quoted(runs[-1:])} ({form})")
    return runs


def refresh_wide(tables: str, options: StorageOptions | None = None) -> int:
    """Brings the stored one-row-a-scan table up to date; how many scans were new (stats.sql.wide).

    Raises:
        SetupError: there are no tables, or they cannot be read or written.
        CommitConflict: another compaction came in between; nothing is changed.
    """
    settings = storage_options(tables, options)
    with clear_sentences(tables), connect(tables, options) as database:
        structures = open_table(tables, "structures", settings)
        names = structure_names(stored_files(structures) if structures else [])
        with room_to_sort(database):
            return refresh(database, tables, names, settings)
