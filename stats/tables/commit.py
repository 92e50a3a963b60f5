"""The cohort's tables, written by one committer, each series exactly once.

A commit appends to `structures`, then `failures`, then `scans`. Delta has no commit over several
tables, so the commit to `scans` is the one that counts: all three carry the same number, a Delta
application transaction and the column `commit_seq`, and rows whose number `scans` does not know
yet are not there for readers (stats.query) and are removed by the next committer (recover).

Two committers cannot double anything: a table refuses a transaction of an application that has
committed since its handle was opened. Hence a handle is never reopened during a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from stats.tables.growth import fitted, grow, stored_schema
from stats.tables.schema import PARTITION, SCHEMAS, TABLES, TableName
from stats.tables.storage import (
    CommitConflict,
    StorageOptions,
    clear_sentences,
    storage_options,
    table_uri,
)

APP_ID: Final = "ctcohort"
_FENCE_ID: Final = "ctcohort-recovery"
_COMMIT_ORDER: Final[tuple[TableName, ...]] = (
    *(table.name for table in TABLES if table.of_commit and table.name != "scans"),
    "scans",
)
"""`scans` last: until it knows the commit's number, the rows before it are not there for readers.

Killed before the first: nothing happened. Killed in between: rows with a number that `scans` does
not know; readers pass over them, the next committer deletes them (`recover`). Killed after the
last: the commit is whole.
"""

_TRIES: Final = 5
"""Of writing a run's row, which may be repeated as it replaces itself."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every row of a run carries.

    Attributes:
        run_id: name of the run.
        run_date: UTC day on which it began, YYYY-MM-DD; the partition.
        pipeline_version: fingerprint of the method.
    """

    run_id: str
    run_date: str
    pipeline_version: str


class Batch:
    """Rows that become visible together, as mappings from column to value; the stamp is added.

    Args:
        rows: by the name of their table.

    Raises:
        ValueError: there is no such table, or its rows belong to no commit.
    """

    def __init__(self, **rows: Sequence[Row]) -> None:
        if unknown := rows.keys() - set(_COMMIT_ORDER):
            raise ValueError(f"rows of {', '.join(sorted(unknown))} are not part of a commit")
        self._rows = rows

    def of(self, name: TableName) -> Sequence[Row]:
        """The rows of one table."""
        return self._rows.get(name, ())

    def __bool__(self) -> bool:
        return any(self._rows.values())


@dataclass(frozen=True, slots=True)
class DoneSeries:
    """What the tables hold at one pipeline version.

    Attributes:
        scans: key to input version of the series that were measured.
        failures: key to input version of the series that failed.
    """

    scans: Mapping[str, str | None]
    failures: Mapping[str, str | None]

    def changed(self, series_key: str, input_version: str) -> bool:
        """Whether a series was measured from other files than it has now."""
        return self.scans.get(series_key, input_version) not in {None, input_version}

    def has(self, series_key: str, input_version: str, *, retry_failed: bool = False) -> bool:
        """Whether this series needs no work: measured, or failed with the very same input."""
        if series_key in self.scans:
            return True
        failed_before = series_key in self.failures
        return failed_before and not retry_failed and self.failures[series_key] == input_version


class CohortTables:
    """The Delta tables of a cohort; the one committer holds this object for a whole run.

    Args:
        uri: local folder or s3:// prefix; its tables are created if they are missing, and take on
            the columns that this version brings (stats.tables.growth).
        options: AWS_* options for s3://; by default those of the environment.

    Raises:
        SetupError: the place cannot be used; CommitConflict: another job is writing there.
    """

    def __init__(self, uri: str, options: StorageOptions | None = None) -> None:
        self.uri = uri
        settings = storage_options(uri, options)
        with clear_sentences(uri):
            self._tables = {name: _open_or_create(uri, name, settings) for name in SCHEMAS}
        self.recover()

    def done(self, pipeline_version: str) -> DoneSeries:
        """What needs no work at this pipeline version."""
        version = pipeline_version.replace("'", "''")
        this_version = f"pipeline_version = '{version}'"
        with clear_sentences(self.uri):
            scans = _read(self._tables["scans"], ["series_key", "input_version"], this_version)
            failures = _read(
                self._tables["failures"],
                ["commit_seq", "series_key", "input_version"],
                this_version,
            )
        measured = dict(zip(*(c.to_pylist() for c in scans.columns), strict=True))
        in_order = sorted(
            zip(*(c.to_pylist() for c in failures.columns), strict=True), key=itemgetter(0)
        )
        return DoneSeries(measured, {key: input_version for _, key, input_version in in_order})

    def commit(self, batch: Batch, stamp: Stamp) -> None:
        """Appends a batch: all of it becomes visible, or nothing. An empty one leaves no trace.

        Raises:
            CommitConflict: another job has committed since this object was made; nothing doubled.
            SetupError: the tables cannot be written; the batch may be committed again.
            ValueError: a row has an unknown column or lacks a required one.
        """
        if not batch:
            return
        self.recover()
        with clear_sentences(self.uri):
            sequence = 1 + max(self._sequence(name) for name in _COMMIT_ORDER)
        rows = {name: to_table(name, batch.of(name), stamp, sequence) for name in _COMMIT_ORDER}
        with clear_sentences(self.uri):
            for name in _COMMIT_ORDER:
                self._append(name, rows[name], sequence)

    def write_run(self, row: Row, stamp: Stamp) -> None:
        """Writes the one row of a run, or replaces it. A run without work should write none."""
        with clear_sentences(self.uri):
            sequence = self._sequence("scans")
        table = to_table("runs", [row], stamp, sequence)
        run_id = stamp.run_id.replace("'", "''")
        for left in reversed(range(_TRIES)):
            try:
                with clear_sentences(self.uri):
                    self._tables["runs"].update_incremental()
                    write_deltalake(
                        self._tables["runs"],
                        self._fitted("runs", table),
                        mode="overwrite",
                        predicate=f"run_id = '{run_id}'",
                    )
            except CommitConflict:  # a compaction came in between, or another run's row
                if not left:
                    raise
            else:
                return

    def recover(self) -> None:
        """Removes the rows of a commit that did not reach `scans`.

        A committer that is still alive between two tables is stopped first: its commit to `scans`
        will meet the fence. Where nothing is torn, nothing is written.
        """
        with clear_sentences(self.uri):
            whole = self._sequence("scans")
            torn = [name for name in _COMMIT_ORDER if self._has_rows_after(name, whole)]
            if not torn:
                return
            fence = Transaction(_FENCE_ID, self._fence() + 1)
            write_deltalake(
                self._tables["scans"],
                self._fitted("scans", SCHEMAS["scans"].empty_table()),
                mode="append",
                commit_properties=CommitProperties(app_transactions=[fence]),
            )
            for name in torn:
                self._tables[name].delete(f"commit_seq > {whole}")

    def _append(self, name: TableName, rows: pa.Table, sequence: int) -> None:
        """An empty table is committed too: its transaction number fences the other committer."""
        transactions = [Transaction(APP_ID, sequence)]
        if name == "scans":
            transactions.append(Transaction(_FENCE_ID, self._fence()))
        write_deltalake(
            self._tables[name],
            self._fitted(name, rows),
            mode="append",
            commit_properties=CommitProperties(app_transactions=transactions),
        )

    def _fitted(self, name: TableName, rows: pa.Table) -> pa.Table:
        return fitted(rows, stored_schema(self._tables[name]))

    def _sequence(self, name: TableName) -> int:
        return self._tables[name].transaction_version(APP_ID) or 0

    def _fence(self) -> int:
        return self._tables["scans"].transaction_version(_FENCE_ID) or 0

    def _has_rows_after(self, name: TableName, sequence: int) -> bool:
        if self._sequence(name) <= sequence:
            return False
        later = _read(self._tables[name], ["commit_seq"], f"commit_seq > {sequence}")
        return bool(later.num_rows)


def to_table(name: TableName, rows: Sequence[Row], stamp: Stamp, sequence: int) -> pa.Table:
    """Rows as an Arrow table of the schema, with the stamp and the commit's number."""
    schema = SCHEMAS[name]
    provenance = {
        "pipeline_version": stamp.pipeline_version,
        "run_id": stamp.run_id,
        PARTITION: stamp.run_date,
        "commit_seq": sequence,
    }
    for row in rows:
        if unknown := row.keys() - set(schema.names):
            raise ValueError(f"table {name} has no column {', '.join(sorted(unknown))}")
    table = pa.Table.from_pylist([{**row, **provenance} for row in rows], schema=schema)
    for field in schema:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(f"table {name}: column {field.name} must have a value in every row")
    return table


def _open_or_create(tables: str, name: TableName, options: dict[str, str]) -> DeltaTable:
    uri = table_uri(tables, name)
    if DeltaTable.is_deltatable(uri, storage_options=options):
        table = DeltaTable(uri, storage_options=options)
        grow(table, name)
        return table
    return DeltaTable.create(
        uri,
        schema=SCHEMAS[name],
        mode="ignore",
        partition_by=[PARTITION],
        name=f"ctcohort {name}",
        storage_options=options,
    )


def _read(table: DeltaTable, columns: list[str], predicate: str) -> pa.Table:
    """Rows by delta's own reader.

    `to_pyarrow_table` makes the process abort at its end (deltalake 1.6.6 with pyarrow 26:
    "terminate called without an active exception", seen in two of three runs).
    """
    return pa.RecordBatchReader.from_stream(table.scan(columns, predicate)).read_all()
