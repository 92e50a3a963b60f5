"""The stored tables as DuckDB finds them: the right files of each, in a folder or on s3://."""

from __future__ import annotations

import os

import duckdb
import s3fs
from deltalake import DeltaTable

from segment_actor.errors import SetupError
from stats.tables.growth import stored_schema
from stats.tables.schema import TABLES, TableName, check_columns
from stats.tables.storage import is_s3, table_uri


def open_table(tables: str, name: TableName, options: dict[str, str]) -> DeltaTable | None:
    """One of the tables, as it is now; None if it is of a kind that came after these tables.

    Raises:
        SetupError: there are no tables, or another version of ctcohort made them.
    """
    uri = table_uri(tables, name)
    if not DeltaTable.is_deltatable(uri, storage_options=options):
        if name != TABLES[0].name:
            return None
        raise SetupError(
            f"there are no tables at {tables}: correct the address, or let ctcohort segment "
            "make them"
        )
    table = DeltaTable(uri, storage_options=options)
    check_columns(name, stored_schema(table))
    return table


def read_from_store(
    database: duckdb.DuckDBPyConnection, tables: str, options: dict[str, str]
) -> None:
    """Lets DuckDB read s3:// through s3fs: its own extension would have to be downloaded."""
    if is_s3(tables):
        database.register_filesystem(_s3(options))


def _s3(options: dict[str, str]) -> s3fs.S3FileSystem:
    def setting(name: str) -> str | None:
        return options.get(name, os.environ.get(name))

    return s3fs.S3FileSystem(
        key=setting("AWS_ACCESS_KEY_ID"),
        secret=setting("AWS_SECRET_ACCESS_KEY"),
        token=setting("AWS_SESSION_TOKEN"),
        endpoint_url=setting("AWS_ENDPOINT_URL"),
        use_listings_cache=False,
    )
