"""What ran, what failed and how long it took, for a report.

Each function asks one question of the views of `stats.query.connect`, and takes the scans of the
method that counts (stats.sql.who_counts). Not measured is NULL: it is counted, and never a 0 among
the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb

from stats.report.quantiles import PROBABILITIES, Quantiles, rows_as
from stats.tables.files import stored_files
from stats.tables.opening import open_table
from stats.tables.schema import SCHEMAS
from stats.tables.stages import SECONDS_COLUMNS, Stage
from stats.tables.storage import StorageOptions, clear_sentences, storage_options

MOST_RUNS: Final = 10

_COUNTED_RUNS: Final = """
    SELECT runs.*, coalesce(d.n, 0) AS done, coalesce(f.n, 0) AS failed,
           if(cts_todo IS NULL, NULL, greatest(0, cts_todo - done - failed)) AS not_reached
    FROM runs
    LEFT JOIN (SELECT run_id, count(*) AS n FROM scans GROUP BY 1) AS d USING (run_id)
    LEFT JOIN (SELECT run_id, count(*) AS n FROM failures GROUP BY 1) AS f USING (run_id)
"""
"""Done and failed as the tables have them: a run that was killed could not write its own counts."""

_NEVER_MEASURED: Final = "failures ANTI JOIN scans USING (series_key)"


@dataclass(frozen=True, slots=True)
class Counts:
    """Series by what became of them.

    Attributes:
        measured: series that some run measured.
        failed: series that failed and that no run measured.
        not_reached: series that the last run was to do and did not; None if no run is on record.
        structures: measurements, each of a structure with at least one voxel; None if not recorded.
    """

    measured: int
    failed: int
    not_reached: int | None
    structures: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `done` and `failed` as counted in the tables, the rest as it wrote itself.

    Attributes:
        settings_json: its settings as text; None if the run did not write any.
    """

    started_at: datetime | None
    finished_at: datetime | None
    status: str | None
    model_set: str | None
    code_version: str | None
    settings_json: str | None
    cts_todo: int | None
    done: int
    failed: int
    not_reached: int | None
    ct_per_hour: float | None

    def setting(self, name: str) -> str | None:
        """A setting in words, e.g. `precision`; None if the run did not write it."""
        found = json.loads(self.settings_json or "{}").get(name)
        return str(found) if found else None

    @property
    def took_s(self) -> float | None:
        """Seconds from begin to end; None if it goes on or was killed."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Method:
    """A method that measured scans, and how many; days are YYYY-MM-DD in UTC.

    Attributes:
        counts: whether its measurements are those of this report.
    """

    pipeline_version: str
    model_set: str | None
    label_schema: str | None
    resampling: str | None
    scans: int
    first_day: str
    last_day: str
    counts: bool


@dataclass(frozen=True, slots=True)
class FailureCause:
    """The series that failed by one code.

    Attributes:
        share: of all series that failed, 0 to 1.
        sentence: the most frequent one of the code.
        stages: at which they failed, as far as known.
    """

    code: str
    series: int
    share: float
    sentence: str | None
    stages: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class FailedStage:
    """The series that failed at one stage; None: not known at which."""

    stage: str | None
    series: int


@dataclass(frozen=True, slots=True)
class StageSeconds:
    """Seconds that a CT spends in a stage.

    Attributes:
        n: CTs of which the stage was timed.
        quantiles_s: over these CTs; None if none was timed.
        total_s: all their seconds together; None if none was timed.
    """

    stage: Stage
    n: int
    quantiles_s: Quantiles | None
    total_s: float | None


@dataclass(frozen=True, slots=True)
class Throughput:
    """All stages that are timed, in the order in which a CT goes through them."""

    stages: Sequence[StageSeconds]

    @property
    def slowest(self) -> StageSeconds | None:
        """The stage with the highest median; None if none was timed."""
        timed = [stage for stage in self.stages if stage.quantiles_s]
        return max(timed, key=lambda s: s.quantiles_s.p50 if s.quantiles_s else 0.0, default=None)

    @property
    def total_s(self) -> float:
        """All seconds of work."""
        return sum(stage.total_s or 0.0 for stage in self.stages)


@dataclass(frozen=True, slots=True)
class TableSize:
    """How large a table is, from its log alone."""

    table: str
    rows: int
    files: int
    size_bytes: int


def counts(database: duckdb.DuckDBPyConnection) -> Counts:
    """Series measured, failed and not reached, and structures measured."""
    sql = f"""
        SELECT count(*) AS measured,
               (SELECT count(DISTINCT series_key) FROM {_NEVER_MEASURED}) AS failed,
               (SELECT not_reached FROM ({_COUNTED_RUNS}) ORDER BY started_at DESC LIMIT 1)
                   AS not_reached,
               sum(structures_measured)::BIGINT AS structures
        FROM latest_scans
        """  # noqa: S608 - our own words
    (found,) = rows_as(Counts, database, sql)
    return found


def runs(database: duckdb.DuckDBPyConnection, most: int = MOST_RUNS) -> tuple[Run, ...]:
    """The last runs, newest first."""
    columns = ", ".join(Run.__dataclass_fields__)
    sql = f"SELECT {columns} FROM ({_COUNTED_RUNS}) ORDER BY started_at DESC LIMIT {most:d}"  # noqa: S608 - our own words
    return rows_as(Run, database, sql)


def methods(database: duckdb.DuckDBPyConnection) -> tuple[Method, ...]:
    """Each method, the one that counts first."""
    sql = """
        SELECT pipeline_version, model_set, label_schema, resampling, count(*) AS scans,
               min(run_date) AS first_day, max(run_date) AS last_day, counts
        FROM scans JOIN (SELECT pipeline_version, counts FROM versions) USING (pipeline_version)
        GROUP BY ALL ORDER BY counts DESC, scans DESC, pipeline_version
        """
    return rows_as(Method, database, sql)


def failure_causes(database: duckdb.DuckDBPyConnection) -> tuple[FailureCause, ...]:
    """Why no run could measure a series, the most frequent code first.

    Each series counts once, by its last failure.
    """
    sql = f"""
        WITH last AS (
            SELECT series_key, arg_max(struct_pack(code, stage, sentence), commit_seq) AS f
            FROM {_NEVER_MEASURED} GROUP BY series_key)
        SELECT f.code AS code, count(*) AS series, count(*) / sum(count(*)) OVER () AS share,
               mode(f.sentence ORDER BY f.sentence) AS sentence,
               list_sort(list(DISTINCT f.stage) FILTER (f.stage IS NOT NULL)) AS stages
        FROM last GROUP BY 1 ORDER BY series DESC, code
        """  # noqa: S608 - our own words
    return rows_as(FailureCause, database, sql)


def failed_stages(database: duckdb.DuckDBPyConnection) -> tuple[FailedStage, ...]:
    """The same series by the stage at which they failed, the most frequent first."""
    sql = f"""
        WITH last AS (
            SELECT arg_max(struct_pack(stage), commit_seq) AS f
            FROM {_NEVER_MEASURED} GROUP BY series_key)
        SELECT f.stage AS stage, count(*) AS series FROM last GROUP BY 1 ORDER BY series DESC, stage
        """  # noqa: S608 - our own words
    return rows_as(FailedStage, database, sql)


def throughput(database: duckdb.DuckDBPyConnection) -> Throughput:
    """Seconds of each stage that `scans` has a column for."""
    stages = []
    for stage, column in SECONDS_COLUMNS.items():
        sql = f"""SELECT count({column}), quantile_cont({column}, {PROBABILITIES}), sum({column})
                  FROM latest_scans"""  # noqa: S608 - our own names
        ((n, quantiles, total_s),) = database.sql(sql).fetchall()
        stages.append(StageSeconds(stage, n, Quantiles.of(quantiles), total_s))
    return Throughput(tuple(stages))


def table_sizes(tables: str, options: StorageOptions | None = None) -> tuple[TableSize, ...]:
    """Rows, files and bytes of each table, from its log alone.

    Args:
        tables: where the tables are.
        options: AWS_* options for s3://; by default those of the environment.

    Raises:
        SetupError: the tables cannot be read.
    """
    settings = storage_options(tables, options)
    with clear_sentences(tables):
        files = {name: stored_files(open_table(tables, name, settings)) for name in SCHEMAS}
    return tuple(
        TableSize(name, sum(f.rows for f in found), len(found), sum(f.size_bytes for f in found))
        for name, found in files.items()
    )
