"""DuckDB for what grows with the number of objects: in bounded memory, the rest on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ROWS: Final = 5_000
"""In Python's memory at a time, some 2 kB each."""

Item = TypeVar("Item")


@contextmanager
def database_in(room: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that keeps what does not fit its 2 GB of memory in a private folder."""
    with duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "memory_limit": "2GB",
            "temp_directory": str(room / "sorting"),
        }
    ) as database:
        yield database


def view(database: duckdb.DuckDBPyConnection, name: str, file: Path) -> None:
    """Gives a Parquet file a name."""
    database.read_parquet(str(file)).create_view(name)


def copy_to(database: duckdb.DuckDBPyConnection, sql: str, file: Path) -> None:
    """Writes the answer to a question as Parquet."""
    database.sql(sql).write_parquet(str(file), compression="zstd")


def rows_of(database: duckdb.DuckDBPyConnection, sql: str) -> Iterator[dict[str, Any]]:
    """The rows of an answer one after the other; other questions may be asked meanwhile."""
    for batch in database.cursor().sql(sql).to_arrow_reader(ROWS):
        yield from batch.to_pylist()


def count(database: duckdb.DuckDBPyConnection, sql: str) -> int:
    """How many rows an answer has."""
    ((rows,),) = database.sql(f"SELECT count(*) FROM ({sql})").fetchall()  # noqa: S608  # ours
    return int(rows)


def write(file: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Writes tables as one Parquet file, a row group each."""
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in tables:
            writer.write_table(table)


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """So many at a time."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
