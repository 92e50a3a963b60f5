"""The views that questions are asked of, as SQL over the current files of the tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import pyarrow as pa

from stats.sql.what_counts import COUNTED_NAMES, counted_columns
from stats.sql.wide import StoredWide, pivot_sql
from stats.tables.files import StoredFile, parquet_source, quoted
from stats.tables.schema import PARTITION, SCHEMAS, TableName

_SQL_TYPES: Final = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP",  # UTC; with a zone, a notebook would need pytz
}
_LONGEST_IN_LOG: Final = 32
"""A text of so many signs or more may be cut short in the Delta log."""

_ONE_VERSION: Final = "CREATE VIEW latest_scans AS FROM scans"
_LATEST_SCANS: Final = """
    CREATE VIEW latest_scans AS
    FROM scans SEMI JOIN (
        SELECT series_key, arg_max(pipeline_version, commit_seq) AS pipeline_version
        FROM scans GROUP BY series_key
    ) USING (series_key, pipeline_version)
"""
_COUNTED: Final = """
    CREATE VIEW counted_structures AS
    SELECT structures.*, category, side, anatomy.id AS structure_id, lower_volume_ml,
           {counted_columns}
    FROM structures
    LEFT JOIN anatomy ON anatomy.structure = structures.structure
                     AND anatomy.label_schema = structures.label_schema
"""
_MEASUREMENTS: Final = """
    CREATE VIEW {name} AS
    SELECT counted.* EXCLUDE (structure_id, lower_volume_ml, category, side, {counted_names}),
           patient_key, age_years, sex, manufacturer, scanner_model, kvp, slice_thickness_mm,
           contrast_agent, contrast_phase, scans.qc AS scan_qc, category, side, {counted_names}
    FROM counted_structures AS counted
    JOIN {scans} AS scans USING (series_key, pipeline_version)
"""
_QC_PASSED: Final = """
    CREATE VIEW qc_passed AS
    FROM latest WHERE whole_ml IS NOT NULL AND qc_reasons IS NULL
                  AND scan_qc IS DISTINCT FROM 'fail'
"""
_QC_FINDINGS: Final = """
    CREATE VIEW qc_findings AS
    SELECT series_key, structure, code, verdict, sentence, pipeline_version, run_id
    FROM (
        SELECT series_key, pipeline_version, run_id, structure,
               unnest(string_split(qc_reasons, '; ')) AS code
        FROM structures SEMI JOIN latest_scans USING (series_key, pipeline_version)
        WHERE qc_reasons IS NOT NULL
        UNION ALL
        SELECT series_key, pipeline_version, run_id, NULL, qc_reasons
        FROM latest_scans WHERE structures_measured = 0
    )
    JOIN qc_codes USING (code)
"""
_OF_LATEST: Final = " SEMI JOIN latest_scans USING (series_key, pipeline_version)"
"""A join with 10^8 rows, which scans of one method only do not need."""


def table_source(files: Sequence[StoredFile], root: str, *, mixed: bool) -> str:
    """SQL of a table's current files.

    Never a glob over the folder: it would find files that are no longer part of the table.

    Args:
        files: the current ones, at least one.
        root: the table's folder or prefix.
        mixed: some of them may lack columns, so every one has to be opened (stats.tables.growth).
    """
    by_name = ", union_by_name = true" if mixed else ""
    return (
        f"read_parquet([{quoted([f'{root}/{file.path}' for file in files])}], "
        f"hive_partitioning = true, hive_types = {{'{PARTITION}': VARCHAR}}{by_name})"
    )


def table_view(
    name: TableName,
    source: str,
    files: Sequence[StoredFile],
    present: Collection[str],
    committed: int,
) -> str:
    """SQL of a table's view: what a finished commit wrote, in the columns of this version.

    A column that a newer version has added to the table is not shown: nobody here can say what it
    means.

    Args:
        name: the table.
        source: of `table_source`; "" if there are no files.
        files: its current files.
        present: columns that at least one file has; the others are NULL.
        committed: last commit of scans.
    """
    columns = ", ".join(
        f"{f.name if f.name in present else 'NULL'}::{_SQL_TYPES[f.type]} AS {f.name}"
        for f in SCHEMAS[name]
    )
    if not source:
        return f"CREATE VIEW {name} AS SELECT {columns} WHERE false"
    unfinished = _last_commit(files, committed + 1) > committed
    finished = f" WHERE commit_seq <= {committed}" if unfinished else ""
    return f"CREATE VIEW {name} AS SELECT {columns} FROM {source}{finished}"  # noqa: S608 - our own names


def joined_views(scans: Sequence[StoredFile]) -> list[str]:
    """SQL of latest_scans, counted_structures and the views over them, in the order to make them.

    Where the log says that all scans are of one pipeline version, there is nothing to compare.
    """
    names = ", ".join(COUNTED_NAMES)
    one_version = is_one_version(scans)
    of_latest = "" if one_version else _OF_LATEST
    return [
        _ONE_VERSION if one_version else _LATEST_SCANS,
        _COUNTED.format(counted_columns=counted_columns()),
        f"CREATE VIEW latest_structures AS FROM counted_structures{of_latest}",
        _MEASUREMENTS.format(name="measurements", scans="scans", counted_names=names),
        _MEASUREMENTS.format(name="latest", scans="latest_scans", counted_names=names),
        _QC_PASSED,
        _QC_FINDINGS,
    ]


def wide_views(
    names: Sequence[str], stored: StoredWide, committed: int, scans: Sequence[StoredFile]
) -> list[str]:
    """SQL of wide and wide_hu: what compaction has stored, and what was committed after that."""
    parts = []
    if stored.files:
        source = parquet_source(stored.files)
        parts.append(f"SELECT * FROM {source} WHERE commit_seq <= {committed}")  # noqa: S608 - our own names
    if stored.commit < _last_commit(scans, committed) or not parts:
        parts.append(pivot_sql(names, f"commit_seq > {stored.commit}"))
    source = " UNION ALL BY NAME ".join(parts)
    latest = "" if is_one_version(scans) else _OF_LATEST
    columns = ", ".join(SCHEMAS["scans"].names)
    return [
        f"CREATE VIEW {view} AS SELECT {', '.join([columns, *(f'{n}_{unit}' for n in names)])} "  # noqa: S608 - our own names
        f"FROM ({source}){latest}"
        for view, unit in (("wide", "ml"), ("wide_hu", "hu"))
    ]


def is_one_version(scans: Sequence[StoredFile]) -> bool:
    """Whether the log says that all scans are of one pipeline version."""
    first = {file.lowest["pipeline_version"] for file in scans}
    versions = first | {file.highest["pipeline_version"] for file in scans}
    (version,) = versions if len(versions) == 1 else ("",)
    return 0 < len(str(version or "")) < _LONGEST_IN_LOG


def _last_commit(files: Sequence[StoredFile], if_unknown: int) -> int:
    """Highest commit in the files, as the log says."""
    numbers = (file.highest["commit_seq"] for file in files)
    return max((n if isinstance(n, int) else if_unknown for n in numbers), default=0)
