"""One row a scan, and of each structure a column of volume and one of HU.

Derived from `scans` and `structures` alone. Turning rows into columns takes 12 s for 10^7 rows, so
`refresh` keeps the outcome as a Delta table beside the four, sorted by sex and age: people of one
sex and about one age, with whom a patient is compared, lie together. What is committed later is
pivoted when it is asked for (stats.sql.views), so the views never lag behind.

Values are those that count (stats.sql.what_counts): volumes of complete, plausible structures, HU
also of those that the field of view cuts. All else is NULL.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction

from segment_actor.anatomy import load_schema
from stats.sql.catalogue import LABEL_SCHEMAS
from stats.sql.what_counts import rule_number
from stats.tables.files import (
    StoredFile,
    add_action,
    in_passes,
    parquet_source,
    quoted,
    reader,
    stored_files,
    write_file,
)
from stats.tables.schema import SCHEMAS
from stats.tables.storage import table_uri

WIDE: Final = "wide"
"""Folder of the table."""

_COMMIT_ID: Final = "ctcohort-wide"
"""Delta application whose number is the last commit of `scans` that the table has."""

_RULE_ID: Final = "ctcohort-wide-rule"
"""Delta application whose number is that of the rule by which values counted when it was made."""

_SCANS_A_PASS: Final = 40_000
"""Scans pivoted at a time: 4 million rows, less than 1 GB."""

_WEIGHT: Final = 10
"""A row of this table counts as so many of `structures` in memory."""

_AGE_GROUP: Final = "coalesce(sex, '') || printf('%04d', coalesce(floor(age_years), -1)::INTEGER)"


@dataclass(frozen=True, slots=True)
class StoredWide:
    """The stored table.

    Attributes:
        files: path or URI of each Parquet file.
        commit: last finished commit of scans that is in them; 0 if there is nothing.
    """

    files: Sequence[str]
    commit: int


NOTHING: Final = StoredWide([], 0)


def structure_names(structures: Sequence[StoredFile]) -> list[str]:
    """Structures of the label schemas that occur, each once, in the schemas' order.

    Args:
        structures: files of the table `structures`; the log knows the schemas in each.
    """
    spans = {(file.lowest["label_schema"], file.highest["label_schema"]) for file in structures}
    found = [s for s in LABEL_SCHEMAS if any(low and low <= s <= high for low, high in spans)]  # type: ignore[operator]
    names = (structure.name for name in found for structure in load_schema(name).structures)
    return list(dict.fromkeys(names))


def wide_schema(names: Sequence[str]) -> pa.Schema:
    """All columns of scans, then `<structure>_ml` and `<structure>_hu` of each."""
    values = [pa.field(f"{n}_{unit}", pa.float64()) for n in names for unit in ("ml", "hu")]
    scans = [pa.field(field.name, field.type) for field in SCHEMAS["scans"]]
    return pa.schema([*scans, *values])


def pivot_sql(names: Sequence[str], which: str) -> str:
    """SQL that turns the rows of some scans into columns.

    It needs the views scans and counted_structures.

    Args:
        names: structures.
        which: condition on `series_key` and `commit_seq`, which both views have.
    """
    if not names:
        return f"SELECT * FROM scans WHERE {which}"  # noqa: S608 - our own names
    # What was not measured cannot count: said of volume_ml, Parquet's reader leaves it out.
    return f"""
        SELECT * FROM (FROM scans WHERE {which})
        LEFT JOIN (
            PIVOT (
                SELECT series_key, pipeline_version, structure, whole_ml, usable_hu
                FROM counted_structures
                WHERE volume_ml IS NOT NULL AND {which})
            ON structure IN ({quoted(names)})
            USING first(whole_ml) AS ml, first(usable_hu) AS hu
            GROUP BY series_key, pipeline_version
        ) USING (series_key, pipeline_version)"""  # noqa: S608 - our own names


def stored_wide(
    tables: str, names: Sequence[str], settings: dict[str, str], committed: int
) -> StoredWide:
    """What is stored; nothing if there is no table of just these columns, made by today's rule.

    Args:
        tables: where the tables are.
        names: structures.
        settings: for the store.
        committed: last finished commit of scans; rows of later ones are not to be read.
    """
    uri = table_uri(tables, WIDE)
    if not names or not DeltaTable.is_deltatable(uri, storage_options=settings):
        return NOTHING
    table = DeltaTable(uri, storage_options=settings)
    columns = [field.name for field in table.schema().fields]
    if columns != wide_schema(names).names or table.transaction_version(_RULE_ID) != rule_number():
        return NOTHING
    files = [f"{uri}/{file.path}" for file in stored_files(table)]
    return StoredWide(files, min(table.transaction_version(_COMMIT_ID) or 0, committed))


def refresh(
    database: duckdb.DuckDBPyConnection, tables: str, names: Sequence[str], settings: dict[str, str]
) -> int:
    """Brings the stored table up to what the connection sees; how many scans were new.

    Args:
        database: a connection of stats.query, with room to sort.
        tables: where the tables are.
        names: structures.
        settings: for the store.

    Raises:
        CommitFailedError: another refresh came first; nothing is changed.
    """
    schema, uri = wide_schema(names), table_uri(tables, WIDE)
    before = stored_wide(tables, names, settings, committed=sys.maxsize)
    sql = f"SELECT count(*), max(commit_seq) FROM scans WHERE commit_seq > {before.commit}"  # noqa: S608 - our own names
    ((scans, last),) = database.execute(sql).fetchall()
    if not scans or not names:
        return 0
    table = DeltaTable.create(
        uri, schema=schema, mode="ignore", name="ctcohort wide", storage_options=settings
    )
    with TemporaryDirectory(prefix="ctcohort-wide-") as folder:
        which = f"commit_seq > {before.commit}"
        fresh = _pivot_to_files(database, names, which, ceil(scans / _SCANS_A_PASS), Path(folder))
        source = parquet_source([*before.files, *fresh])
        sql = f"SELECT {_AGE_GROUP}, count(*) FROM {source} GROUP BY 1 ORDER BY 1"  # noqa: S608 - our own names
        counts = [(group, n * _WEIGHT) for group, n in database.execute(sql).fetchall()]
        new = [
            # lz4: the numbers hardly shrink by zstd either, and 1,000 scans take a quarter less
            write_file(
                table, None, schema, reader(database, _sorted(source, schema, groups)), "lz4"
            )
            for groups in in_passes(counts)
        ]
    table.create_write_transaction(
        [add_action(file, data_change=True) for file in new],
        mode="overwrite",
        schema=schema,
        partition_by=[],
        commit_properties=CommitProperties(
            app_transactions=[Transaction(_COMMIT_ID, last), Transaction(_RULE_ID, rule_number())]
        ),
    )
    return int(scans)


def _pivot_to_files(
    database: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    which: str,
    passes: int,
    folder: Path,
) -> list[str]:
    """Pivots the scans of a condition, in some passes by their keys, into files in the folder."""
    sql = f"""SELECT max(series_key) FROM (
                SELECT series_key, ntile({passes}) OVER (ORDER BY series_key) AS pass
                FROM scans WHERE {which})
              GROUP BY pass ORDER BY 1"""  # noqa: S608 - our own names
    ends = ["", *(key for (key,) in database.execute(sql).fetchall())]
    files: list[str] = []
    for first, last in pairwise(ends):
        keys = f"series_key > {quoted([first])} AND series_key <= {quoted([last])}"
        files.append(str(folder / f"{len(files)}.parquet"))
        chosen = pivot_sql(names, f"{which} AND {keys}")
        database.execute(f"COPY ({chosen}) TO {quoted(files[-1:])} (COMPRESSION lz4_raw)")
    return files


def _sorted(source: str, schema: pa.Schema, groups: Sequence[str]) -> str:
    chosen = f"{_AGE_GROUP} IN ({quoted(groups)})"
    return f"""SELECT {", ".join(schema.names)} FROM {source} WHERE {chosen}
               ORDER BY sex, age_years, series_key"""  # noqa: S608 - our own names
