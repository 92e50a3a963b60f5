"""Files of a Delta table, written anew in another order, in one transaction.

deltalake's own `optimize` cannot sort by several columns, and of two that run at the same time
both are accepted (deltalake 1.6.6: 4 rows became 7). Hence a transaction of our own:

- It carries an application number that a second one cannot carry too (CommitConflict).
- A rewrite says that no data changed, so a committer that appends meanwhile goes on undisturbed;
  one that deletes rows meanwhile (stats.tables.commit, recover) makes the rewrite fail, and not
  itself.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction
from pyarrow.fs import PyFileSystem

from stats.tables.schema import PARTITION

SORTED_PREFIX: Final = "sorted-"
"""How the name of a file begins that was written here: nothing is left to do with it."""

ROW_GROUP_ROWS: Final = 20_480
"""What a reader can leave out: one structure of so many scans. Ten vectors of DuckDB."""

PASS_ROWS: Final = 4_000_000
"""Rows sorted at a time and written to one file: about 2 GB in memory, 200 MB on disk."""

_BATCH_ROWS: Final = 5 * ROW_GROUP_ROWS
_FEW: Final = ("series_key", "structure", "pipeline_version", "label_schema", "commit_seq")
"""Columns whose lowest and highest value go to the Delta log: those that whole files are left out
by, or that stats.query asks the log for."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A current file of a table.

    Attributes:
        path: below the table's folder, as in the log.
        partition: its run_date; None in a table without partitions.
        rows, size_bytes: of the file.
        lowest, highest: values of the columns that the log knows them of.
    """

    path: str
    partition: str | None
    rows: int
    size_bytes: int
    lowest: Mapping[str, object]
    highest: Mapping[str, object]

    @property
    def partition_values(self) -> dict[str, str | None]:
        """As Delta writes it."""
        return {} if self.partition is None else {PARTITION: self.partition}

    @property
    def is_sorted(self) -> bool:
        """Whether it was written by a rewrite."""
        return Path(self.path).name.startswith(SORTED_PREFIX)


def stored_files(table: DeltaTable | None) -> list[StoredFile]:
    """The current files; none of a table that is not there yet.

    `table.file_uris()` has them percent-encoded if the folder is local.
    """
    if table is None:
        return []
    actions = pa.table(table.get_add_actions(flatten=True))
    # The log has extremes of some columns only; all of them for 10^4 files would take seconds.
    few = {f"{end}.{name}" for end in ("min", "max") for name in _FEW}
    few |= {"path", f"partition.{PARTITION}", "num_records", "size_bytes"}
    rows = actions.select([name for name in actions.column_names if name in few]).to_pylist()
    return [
        StoredFile(
            path=row["path"],
            partition=row.get(f"partition.{PARTITION}"),
            rows=row["num_records"] or 0,
            size_bytes=row["size_bytes"],
            lowest={name: row.get(f"min.{name}") for name in _FEW},
            highest={name: row.get(f"max.{name}") for name in _FEW},
        )
        for row in sorted(rows, key=lambda row: str(row["path"]))
    ]


@contextmanager
def room_to_sort(database: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Lets a connection sort more than its 2 GB of memory hold, through files that go again."""
    with TemporaryDirectory(prefix="ctcohort-sort-") as folder:
        database.execute("SET memory_limit = '2GB'")
        database.execute(f"SET temp_directory = {quoted([folder])}")
        yield


def write_file(
    table: DeltaTable,
    partition: str | None,
    schema: pa.Schema,
    batches: Callable[[], pa.RecordBatchReader],
    compression: str = "zstd",
) -> StoredFile:
    """Writes one file into the table's folder; it belongs to the table once it is committed.

    Args:
        table: where.
        partition: run_date of all its rows; None in a table without partitions.
        schema: columns of the file, without the partition's.
        batches: gives the rows, in order.
        compression: of the Parquet file.
    """
    folder = f"{PARTITION}={partition}/" if partition else ""
    path = f"{folder}{SORTED_PREFIX}{uuid.uuid4().hex}.parquet"
    store = PyFileSystem(DeltaStorageHandler.from_table(table._table))  # noqa: SLF001 - deltalake documents no other way to its store
    collected: list[pq.FileMetaData] = []
    with pq.ParquetWriter(
        path,
        schema,
        filesystem=store,
        compression=compression,
        use_dictionary=_repetitive(schema),
        metadata_collector=collected,
    ) as writer:
        for batch in batches():
            rows = pa.Table.from_batches([batch]).cast(schema)
            writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
    lowest, highest = _extremes(collected[0])
    size_bytes = store.get_file_info(path).size
    return StoredFile(path, partition, collected[0].num_rows, size_bytes, lowest, highest)


def replace_files(
    table: DeltaTable, old: Sequence[StoredFile], new: Sequence[StoredFile], fence: Transaction
) -> None:
    """Puts new files with the same rows in the place of old ones.

    Raises:
        CommitFailedError: another rewrite or a delete came first; nothing is changed.
    """
    removed = [
        RemoveAction(
            path=file.path,
            data_change=False,
            deletion_timestamp=_now_ms(),
            size=file.size_bytes,
            partition_values=file.partition_values,
        )
        for file in old
    ]
    table.create_write_transaction(
        [*removed, *(add_action(file, data_change=False) for file in new)],
        mode="append",
        schema=table.schema(),
        partition_by=[PARTITION],
        commit_properties=CommitProperties(app_transactions=[fence]),
    )
    table.update_incremental()


def add_action(file: StoredFile, *, data_change: bool) -> AddAction:
    """The line of the Delta log that makes a written file part of the table."""
    return AddAction(
        path=file.path,
        size=file.size_bytes,
        partition_values=file.partition_values,
        modification_time=_now_ms(),
        data_change=data_change,
        stats=json.dumps(
            {
                "numRecords": file.rows,
                "minValues": dict(file.lowest),
                "maxValues": dict(file.highest),
                "nullCount": {},
            }
        ),
    )


def in_passes(counts: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Neighbours together, as long as they have `PASS_ROWS` rows or fewer."""
    group: list[str] = []
    rows = 0
    for name, count in counts:
        if group and rows + count > PASS_ROWS:
            yield group
            group, rows = [], 0
        group.append(name)
        rows += count
    if group:
        yield group


def reader(database: duckdb.DuckDBPyConnection, sql: str) -> Callable[[], pa.RecordBatchReader]:
    """The answer to a question, in batches of whole row groups."""
    return lambda: database.sql(sql).to_arrow_reader(_BATCH_ROWS)


def quoted(texts: Sequence[str]) -> str:
    """Texts as SQL: 'one', 'two'."""
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


def parquet_source(uris: Sequence[str]) -> str:
    """Parquet files as SQL; their folder's name says nothing."""
    return f"read_parquet([{quoted(uris)}], hive_partitioning = false)"


def mixed_source(uris: Sequence[str]) -> str:
    """Parquet files as SQL of which some may lack columns; every file is opened to find out."""
    return f"read_parquet([{quoted(uris)}], hive_partitioning = false, union_by_name = true)"


def columns_of(database: duckdb.DuckDBPyConnection, source: str) -> set[str]:
    """Names of the columns of a source."""
    return set(database.sql(f"SELECT * FROM {source} LIMIT 0").columns)  # noqa: S608 - our own names


def _repetitive(schema: pa.Schema) -> list[str]:
    """Columns worth a dictionary: numbers measured and keys have hardly any value twice."""
    return [f.name for f in schema if f.type != pa.float64() and not f.name.endswith("_key")]


def _extremes(metadata: pq.FileMetaData) -> tuple[dict[str, object], dict[str, object]]:
    """Lowest and highest value in a file of each column of `_FEW` that has any."""
    lowest: dict[str, object] = {}
    highest: dict[str, object] = {}
    for column, name in enumerate(metadata.schema.names):
        groups = (metadata.row_group(g).column(column) for g in range(metadata.num_row_groups))
        known = [g.statistics for g in groups if name in _FEW and g.statistics]
        if known and all(statistics.has_min_max for statistics in known):
            lowest[name] = min(statistics.min for statistics in known)
            highest[name] = max(statistics.max for statistics in known)
    return lowest, highest


def _now_ms() -> int:
    return int(time.time() * 1000)
