"""What ran, in numbers, for a report: aggregates only, so that 10^6 scans come as 100 rows.

Every function asks one question of the views of `stats.query.connect`, and takes each scan by the
method that measured it last. Not measured is NULL: it is counted, and never a 0 among the numbers.
`stats.study.selection.select_cohort` has left its table `candidates`: these scans with age and sex,
of the tables or of the user's own file.
"""

from __future__ import annotations

from typing import Any, Final

import duckdb

from stats.tables.files import stored_files
from stats.tables.opening import open_table
from stats.tables.schema import SCHEMAS
from stats.tables.storage import StorageOptions, clear_sentences, storage_options

Row = dict[str, Any]

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)

STAGES: Final = ("fetch", "read", "resample", "network", "measure")


def counts(database: duckdb.DuckDBPyConnection) -> Row:
    """Series by what became of them, and the rows of `structures` of those measured.

    Returns:
        measured, failed (and not measured in any run), not_reached (of the last run; NULL if no run
        is on record), measurements (structures with at least one voxel).
    """
    return answer(
        database,
        """
        SELECT count(*) AS measured,
               (SELECT count(DISTINCT series_key) FROM failures ANTI JOIN scans USING (series_key))
                   AS failed,
               sum(structures_measured)::BIGINT AS measurements,
               (SELECT not_reached FROM report_runs ORDER BY started_at DESC LIMIT 1)
                   AS not_reached
        FROM latest_scans
        """,
    )[0]


def prepare(database: duckdb.DuckDBPyConnection, candidates: str) -> None:
    """Makes the views that the questions share."""
    (versions,) = database.sql("SELECT count(DISTINCT pipeline_version) FROM scans").fetchall()
    # a join with 10^8 rows, which one method only does not need
    latest = (
        "" if versions[0] <= 1 else "SEMI JOIN latest_scans USING (series_key, pipeline_version)"
    )
    database.execute(f"CREATE OR REPLACE TEMP VIEW candidates AS FROM {candidates}")
    database.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW report_structures AS
        FROM counted_structures {latest}
        """
    )
    database.execute(
        """
        CREATE OR REPLACE TEMP VIEW report_runs AS
        SELECT runs.*, coalesce(d.n, 0) AS done, coalesce(f.n, 0) AS failed,
               if(cts_todo IS NULL, NULL, greatest(0, cts_todo - done - failed)) AS not_reached
        FROM runs
        LEFT JOIN (SELECT run_id, count(*) AS n FROM scans GROUP BY 1) AS d USING (run_id)
        LEFT JOIN (SELECT run_id, count(*) AS n FROM failures GROUP BY 1) AS f USING (run_id)
        """
    )
    database.execute(
        """
        CREATE OR REPLACE TEMP VIEW report_findings AS
        SELECT series_key, split_part(reason, ': ', 1) AS code,
               split_part(reason, ': ', 2) AS structures
        FROM (SELECT series_key, unnest(string_split(qc_reasons, '; ')) AS reason
              FROM latest_scans WHERE qc_reasons IS NOT NULL)
        """
    )


def runs(database: duckdb.DuckDBPyConnection, most: int = 10) -> list[Row]:
    """The last runs, newest first; done and failed as counted in the tables.

    A run that was killed could not write its own counts.
    """
    return answer(
        database,
        f"""
        SELECT started_at, finished_at, status, model_set, code_version, settings_json, cts_todo,
               done, failed, not_reached, ct_per_hour,
               pipeline_version
        FROM report_runs ORDER BY started_at DESC LIMIT {most:d}
        """,  # noqa: S608 - a number
    )


def methods(database: duckdb.DuckDBPyConnection) -> list[Row]:
    """Each method that measured scans, and how many."""
    return answer(
        database,
        """
        SELECT pipeline_version, model_set, label_schema, resampling, count(*) AS scans,
               min(run_date) AS first_day, max(run_date) AS last_day
        FROM latest_scans GROUP BY ALL ORDER BY scans DESC, pipeline_version
        """,
    )


def failures(database: duckdb.DuckDBPyConnection) -> list[Row]:
    """Codes of the series that no run could measure, the most frequent first.

    Each series counts once, by its last failure. `sentence` is the most frequent of the code.
    """
    return answer(
        database,
        """
        WITH last AS (
            SELECT series_key, arg_max(struct_pack(code, stage, sentence), commit_seq) AS f
            FROM failures ANTI JOIN scans USING (series_key) GROUP BY series_key)
        SELECT f.code AS code, count(*) AS series, count(*) / sum(count(*)) OVER () AS share,
               mode(f.sentence ORDER BY f.sentence) AS sentence,
               list_sort(list(DISTINCT f.stage) FILTER (f.stage IS NOT NULL)) AS stages
        FROM last GROUP BY 1 ORDER BY series DESC, code
        """,
    )


def failed_stages(database: duckdb.DuckDBPyConnection) -> list[Row]:
    """The same series by the stage at which they failed."""
    return answer(
        database,
        """
        WITH last AS (
            SELECT series_key, arg_max(coalesce(stage, 'not known'), commit_seq) AS stage
            FROM failures ANTI JOIN scans USING (series_key) GROUP BY series_key)
        SELECT stage, count(*) AS series FROM last GROUP BY 1 ORDER BY series DESC, stage
        """,
    )


def stage_seconds(database: duckdb.DuckDBPyConnection) -> list[Row]:
    """Seconds a CT spends in each stage: n, median, p95 and the sum; NULL if never timed."""
    parts = [
        f"SELECT '{s}' AS stage, count({s}_s) AS n, quantile_cont({s}_s, {list(QUANTILES)}) AS q, "  # noqa: S608 - our own names
        f"sum({s}_s) AS total_s FROM latest_scans"
        for s in STAGES
    ]
    return answer(database, " UNION ALL ".join(parts))


def table_sizes(tables: str, options: StorageOptions | None = None) -> list[Row]:
    """Rows, files and bytes of each table, from its log alone."""
    settings = storage_options(tables, options)
    with clear_sentences(tables):
        files = {name: stored_files(open_table(tables, name, settings)) for name in SCHEMAS}
    return [
        {
            "table": name,
            "rows": sum(file.rows for file in found),
            "files": len(found),
            "bytes": sum(file.size_bytes for file in found),
        }
        for name, found in files.items()
    ]


def answer(database: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    """The rows of a question of our own."""
    rows: list[Row] = database.sql(sql).to_arrow_table().to_pylist()
    return rows
