"""The views that questions are asked of, as SQL over the current files of the tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import pyarrow as pa

from stats.sql.what_counts import COUNTED_NAMES, counted_columns
from stats.sql.who_counts import (
    ONE_SCAN_VIEWS,
    SCAN_COLUMNS,
    STUDIES_VIEW,
    WhoCounts,
    latest_scans_view,
)
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

# A CT that failed as a whole fails all of it, also where another version wrote no verdict a
# structure. The few keys of failed CTs cost 10^8 rows nothing.
_COUNTED: Final = """
    CREATE VIEW counted_structures AS
    WITH judged AS (
        SELECT structures.* REPLACE (if(failed.qc IS NULL, structures.qc, failed.qc) AS qc)
        FROM structures
        LEFT JOIN (SELECT DISTINCT series_key, pipeline_version, qc FROM scans WHERE qc = 'fail')
             AS failed USING (series_key, pipeline_version))
    SELECT judged.*, category, side, anatomy.id AS structure_id, lower_volume_ml,
           {counted_columns}
    FROM judged
    LEFT JOIN anatomy ON anatomy.structure = judged.structure
                     AND anatomy.label_schema = judged.label_schema
"""
_MEASUREMENTS: Final = """
    CREATE VIEW {name} AS
    SELECT counted.* EXCLUDE (structure_id, lower_volume_ml, category, side, {counted_names}),
           patient_key, study_key, scan_day, age_years, sex, manufacturer, scanner_model, kvp,
           {scan_columns}, contrast_agent, contrast_phase, scans.qc AS scan_qc, {of_latest}
           category, side, {counted_names}
    FROM counted_structures AS counted
    JOIN {scans} AS scans USING (series_key, pipeline_version)
"""
_QC_PASSED: Final = """
    CREATE VIEW qc_passed AS
    FROM latest WHERE whole_ml IS NOT NULL AND qc_reasons IS NULL
                  AND scan_qc IS DISTINCT FROM 'fail' AND qc IS DISTINCT FROM 'fail'
"""
_QC_FINDINGS: Final = """
    CREATE VIEW qc_findings AS
    SELECT series_key, structure, code, verdict, sentence, pipeline_version, run_id
    FROM (
        SELECT series_key, pipeline_version, run_id, structure,
               unnest(string_split(qc_reasons, '; ')) AS code
        FROM latest_structures WHERE qc_reasons IS NOT NULL
        UNION ALL
        SELECT series_key, pipeline_version, run_id, NULL, qc_reasons
        FROM latest_scans WHERE structures_measured = 0
    )
    JOIN qc_codes USING (code)
"""


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


def joined_views(version: str | None, who: WhoCounts) -> list[str]:
    """SQL of latest_scans, counted_structures and the views over them, in the order to make them.

    Args:
        version: the pipeline version that counts; None if all scans are of one.
        who: what else counts.
    """
    names = ", ".join(COUNTED_NAMES)
    of_version = _of_version(version)

    def joined(name: str, scans: str, of_latest: str) -> str:
        return _MEASUREMENTS.format(
            name=name, scans=scans, of_latest=of_latest, counted_names=names,
            scan_columns=", ".join(SCAN_COLUMNS),
        )  # fmt: skip

    return [
        latest_scans_view(of_version, who),
        _COUNTED.format(counted_columns=counted_columns(keep_failed_qc=who.keep_failed_qc)),
        f"CREATE VIEW latest_structures AS FROM counted_structures{of_version}",
        joined("measurements", "scans", ""),
        joined("latest", "latest_scans", "counts AS scan_counts, days_since_first_scan,"),
        *ONE_SCAN_VIEWS,
        STUDIES_VIEW,
        _QC_PASSED,
        _QC_FINDINGS,
    ]


def wide_views(
    names: Sequence[str],
    stored: StoredWide,
    scans: Sequence[StoredFile],
    version: str | None,
    who: WhoCounts,
) -> list[str]:
    """SQL of wide and wide_hu, and of wide_both with the columns of the two.

    What compaction has stored, and what was committed after that.

    Args:
        names: structures.
        stored: what compaction has stored of commits that are finished.
        scans: files of the table.
        version: the pipeline version that counts; None if all scans are of one.
        who: what else counts.
    """
    parts = []
    if stored.files:
        source = parquet_source(stored.files)
        parts.append(f"SELECT * FROM {source} WHERE commit_seq <= {stored.commit}")  # noqa: S608 - our own names
    if stored.commit < _last_commit(scans, stored.commit + 1) or not parts:
        parts.append(pivot_sql(names, f"commit_seq > {stored.commit}"))
    source = " UNION ALL BY NAME ".join(parts)
    passed = "" if who.keep_failed_qc else " WHERE qc IS DISTINCT FROM 'fail'"
    return [
        f"CREATE VIEW {view} AS SELECT {', '.join([*SCHEMAS['scans'].names, *columns])} "  # noqa: S608 - our own names
        f"FROM (FROM ({source}){_of_version(version)}){passed}"
        for view, columns in {
            "wide": [f"{name}_ml" for name in names],
            "wide_hu": [f"{name}_hu" for name in names],
            "wide_both": [f"{name}_{unit}" for name in names for unit in ("ml", "hu")],
        }.items()
    ]


def only_version(scans: Sequence[StoredFile]) -> str | None:
    """The one pipeline version of all scans, if the log says that there is but one."""
    first = {file.lowest["pipeline_version"] for file in scans}
    versions = first | {file.highest["pipeline_version"] for file in scans}
    (version,) = versions if len(versions) == 1 else ("",)
    named = str(version or "")
    return named if 0 < len(named) < _LONGEST_IN_LOG else None


def _of_version(version: str | None) -> str:
    return "" if version is None else f" WHERE pipeline_version = {quoted([version])}"


def _last_commit(files: Sequence[StoredFile], if_unknown: int) -> int:
    """Highest commit in the files, as the log says."""
    numbers = (file.highest["commit_seq"] for file in files)
    return max((n if isinstance(n, int) else if_unknown for n in numbers), default=0)
