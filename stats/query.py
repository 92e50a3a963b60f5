"""Questions to the cohort's tables in SQL, without any server.

    from stats.query import connect
    database = connect("s3://tables/ct")
    database.sql("SELECT sex, avg(volume_ml) FROM latest WHERE structure = 'liver' GROUP BY 1").df()

A DuckDB connection in memory over the current files of the Delta tables. Views:

    scans, structures, failures, runs   the tables (stats.schema says what each column means)
    anatomy        what is known of each structure of each label schema
    dictionary     what each column means, and its unit
    measurements   structures, with age, sex and scanner of the scan and kind of the structure
    latest         measurements, of each series only the pipeline version measured last
"""

from __future__ import annotations

import os
from typing import Final, cast

import duckdb
import pyarrow as pa
import s3fs
from deltalake import DeltaTable

from segment_actor.anatomy import load_schema, v1_view
from segment_actor.errors import SetupError
from stats.schema import PARTITION, SCHEMAS, TableName, check_columns
from stats.storage import StorageOptions, clear_sentences, is_s3, storage_options, table_uri
from stats.table import APP_ID

_SQL_TYPES: Final = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}

_MEASUREMENTS: Final = """
    CREATE VIEW measurements AS
    SELECT structures.*, patient_key, age_years, sex, manufacturer, scanner_model, kvp,
           slice_thickness_mm, contrast_agent, category, side
    FROM structures
    JOIN scans USING (series_key, pipeline_version)
    LEFT JOIN anatomy ON anatomy.structure = structures.structure
                     AND anatomy.label_schema = structures.label_schema
"""
_LATEST: Final = """
    CREATE VIEW latest AS
    SELECT * FROM measurements
    WHERE (series_key, pipeline_version) IN (
        SELECT (series_key, arg_max(pipeline_version, commit_seq)) FROM scans GROUP BY series_key)
"""


def connect(tables: str, options: StorageOptions | None = None) -> duckdb.DuckDBPyConnection:
    """A connection that sees the tables as they are now; connect again to see later commits.

    Args:
        tables: the folder or s3:// prefix that `ctcohort segment --tables` was given.
        options: AWS_* options for s3://; by default those of the environment.

    Raises:
        SetupError: there are no tables, or they cannot be read.
    """
    settings = storage_options(tables, options)
    with clear_sentences(tables):
        # Scans first: a number that scans knows is complete in the tables that are opened later.
        opened = {name: _open(tables, name, settings) for name in SCHEMAS}
    database = duckdb.connect(config={"autoinstall_known_extensions": False})
    database.execute("SET TimeZone = 'UTC'")
    if is_s3(tables):
        database.register_filesystem(_s3(settings))
    committed = opened["scans"].transaction_version(APP_ID) or 0
    for name, table in opened.items():
        database.execute(_view(name, _files(table, table_uri(tables, name)), committed))
    database.register("anatomy", _anatomy())
    database.register("dictionary", _dictionary())
    database.execute(_MEASUREMENTS)
    database.execute(_LATEST)
    return database


def ask(database: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """The answer to one question that only reads.

    Raises:
        SetupError: the SQL does not parse, names what is not there, does more than read, or the
            tables' files cannot be read.
    """
    try:
        statements = database.extract_statements(sql)
        if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
            raise SetupError(
                "one question at a time, beginning with SELECT, WITH, DESCRIBE or SHOW"
            )
        return database.sql(sql).to_arrow_table()
    except (duckdb.Error, OSError) as error:
        raise SetupError(f"the question could not be answered: {_one_line(error)}") from error


def _open(tables: str, name: TableName, options: dict[str, str]) -> DeltaTable:
    uri = table_uri(tables, name)
    if not DeltaTable.is_deltatable(uri, storage_options=options):
        raise SetupError(
            f"there are no tables at {tables}: correct the address, or let ctcohort segment "
            "make them"
        )
    table = DeltaTable(uri, storage_options=options)
    check_columns(name, (field.name for field in table.schema().fields))
    return table


def _files(table: DeltaTable, uri: str) -> list[str]:
    """The current files. `table.file_uris()` has them percent-encoded if the folder is local."""
    current = pa.table(table.get_add_actions(flatten=True))
    return sorted(f"{uri}/{path}" for path in current["path"].to_pylist())


def _view(name: TableName, files: list[str], committed: int) -> str:
    """SQL of a table's view: its current files, and only what a finished commit wrote.

    Never a glob over the folder: it would find files that are no longer part of the table.
    """
    columns = ", ".join(f"{f.name}::{_SQL_TYPES[f.type]} AS {f.name}" for f in SCHEMAS[name])
    if not files:
        nothing = ", ".join(f"NULL AS {f.name}" for f in SCHEMAS[name])
        return f"CREATE VIEW {name} AS SELECT {columns} FROM (SELECT {nothing}) WHERE false"  # noqa: S608 - our own names
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    source = (
        f"read_parquet([{listed}], hive_partitioning = true, "
        f"hive_types = {{'{PARTITION}': VARCHAR}})"
    )
    return f"CREATE VIEW {name} AS SELECT {columns} FROM {source} WHERE commit_seq <= {committed}"  # noqa: S608 - our own names


def _s3(options: dict[str, str]) -> s3fs.S3FileSystem:
    """DuckDB reads s3:// through it: its own extension would have to be downloaded."""

    def setting(name: str) -> str | None:
        return options.get(name, os.environ.get(name))

    return s3fs.S3FileSystem(
        key=setting("AWS_ACCESS_KEY_ID"),
        secret=setting("AWS_SECRET_ACCESS_KEY"),
        token=setting("AWS_SESSION_TOKEN"),
        endpoint_url=setting("AWS_ENDPOINT_URL"),
        use_listings_cache=False,
    )


def _anatomy() -> pa.Table:
    """One row a structure of each schema. v1_name: what v1 calls it, NULL if v1 has it not."""
    of_v2 = {v2: v1 for v1, v2 in v1_view().items() if v2}
    rows = [
        {
            "label_schema": schema,
            "structure": s.name,
            "id": s.id,
            "category": cast("str", s.category),
            "side": s.side,
            "sequence": s.sequence,
            "snomed": s.snomed,
            "lower_volume_ml": s.lower_volume_ml,
            "v1_name": of_v2.get(s.name) if schema == "total_v2" else s.name,
        }
        for schema in ("paper104", "total_v1", "total_v2")
        for s in load_schema(schema).structures
    ]
    return pa.Table.from_pylist(rows)


def _dictionary() -> pa.Table:
    rows = [
        {
            "table_name": table,
            "column_name": field.name,
            "unit": field.metadata.get(b"unit", b"").decode() or None,
            "description": field.metadata[b"description"].decode(),
        }
        for table, schema in SCHEMAS.items()
        for field in schema
    ]
    return pa.Table.from_pylist(rows)


def _one_line(error: Exception) -> str:
    """DuckDB's message without its drawing of the line and the caret."""
    message = str(error).split("\n\nLINE ", 1)[0]
    return " ".join(message.split())
