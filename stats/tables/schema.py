"""The tables: each column with its type, its unit and its meaning in plain words.

`scans` has one row a CT series, `structures` one row a series and structure, `failures` one row a
series that could not be measured, `runs` one row a run. Not measured is NULL, never 0.
Unit and meaning travel in the field metadata, and so into the Delta log and every Parquet reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from segment_actor.errors import SetupError
from stats.tables.columns import COUNT, FLAG, INSTANT, NUMBER, SERIES, STAMP, TEXT, column
from stats.tables.scans import SCANS
from stats.tables.stages import Stage

TableName = str
"""Of a table of `TABLES`."""

PARTITION = "run_date"
"""Every table is partitioned by it: `run_date=2026-01-31/`."""

STRUCTURES = pa.schema(
    [
        SERIES,
        column("structure", TEXT, "Name of the structure, e.g. kidney_left.", required=True),
        column("voxel_count", COUNT, "Voxels of the original CT in the structure.", "voxels"),
        column("volume_ml", NUMBER, "Volume; NULL if absent.", "ml"),
        column("hu_mean", NUMBER, "Mean attenuation.", "HU"),
        column("hu_std", NUMBER, "Population standard deviation of attenuation.", "HU"),
        column("hu_min", COUNT, "Lowest attenuation.", "HU"),
        column("hu_max", COUNT, "Highest attenuation.", "HU"),
        column("hu_p05", NUMBER, "5th percentile of attenuation, exact.", "HU"),
        column("hu_p25", NUMBER, "25th percentile of attenuation, exact.", "HU"),
        column("hu_median", NUMBER, "Median attenuation, exact.", "HU"),
        column("hu_p75", NUMBER, "75th percentile of attenuation, exact.", "HU"),
        column("hu_p95", NUMBER, "95th percentile of attenuation, exact.", "HU"),
        column(
            "touches_border",
            FLAG,
            "True if a voxel lies at the edge of what was scanned: one of the CT's six faces, or "
            "where the scanner's round field of view ends.",
        ),
        column("components", COUNT, "Separate pieces on the model grid, joined by faces."),
        column(
            "largest_component_fraction", NUMBER, "Share of the largest piece, 0 to 1.", "fraction"
        ),
        column("centroid_r_mm", NUMBER, "Centroid, to the right of the CT's first voxel.", "mm"),
        column("centroid_a_mm", NUMBER, "Centroid, in front of the CT's first voxel.", "mm"),
        column("centroid_s_mm", NUMBER, "Centroid, above the CT's first voxel.", "mm"),
        column(
            "qc",
            TEXT,
            "pass, warn or fail: the worst of its findings and of those on the whole CT.",
        ),
        column("qc_reasons", TEXT, "Codes of view qc_codes, joined by '; '; NULL if none."),
        column(
            "status",
            TEXT,
            "ok; absent: no voxel found; truncated: cut by the field of view, values kept; "
            "implausible: smaller than the schema's lower volume.",
            required=True,
        ),
        column("model_set", TEXT, "Name of the model set that segmented it."),
        column("label_schema", TEXT, "Name of the list of structures, e.g. paper104."),
        *STAMP,
    ]
)

FAILURES = pa.schema(
    [
        SERIES,
        column("stage", TEXT, f"Where it failed: {', '.join(Stage)}."),
        column("code", TEXT, "Kind of failure, for grouping, e.g. truncated_file.", required=True),
        column("sentence", TEXT, "What is wrong and what to do about it.", required=True),
        column("attempts", COUNT, "Tries of that stage in this run, this one included.", "tries"),
        column("input_version", TEXT, "Fingerprint of the series' files when they were listed."),
        column("model_set", TEXT, "Name of the model set of the run."),
        *STAMP,
    ]
)

RUNS = pa.schema(
    [
        column("run_id", TEXT, "Name of this run.", required=True),
        column("started_at", INSTANT, "When the run began.", "UTC"),
        column("finished_at", INSTANT, "When it ended; NULL while it runs or if killed.", "UTC"),
        column("status", TEXT, "running (or killed), finished, or failed.", required=True),
        column("model_set", TEXT, "Name of the model set."),
        column("label_schema", TEXT, "Name of the list of structures, e.g. paper104."),
        column("model_digests", TEXT, "SHA-256 of each group's model, in order, as JSON."),
        column("code_version", TEXT, "Version of ctcohort that ran."),
        column("package_versions", TEXT, "Versions of the packages that matter, as JSON."),
        column("settings_json", TEXT, "All settings of the run, as JSON, without secrets."),
        column("cts_todo", COUNT, "CTs that were to be done.", "CTs"),
        column("cts_done", COUNT, "CTs measured and committed.", "CTs"),
        column("cts_failed", COUNT, "CTs that became rows of failures.", "CTs"),
        column("ct_per_hour", NUMBER, "CTs measured an hour.", "CT/h"),
        column("pipeline_version", TEXT, "Fingerprint of the method.", required=True),
        column("run_date", TEXT, "UTC day on which the run began, YYYY-MM-DD.", required=True),
        column("commit_seq", COUNT, "Last commit of this run.", required=True),
    ]
)


@dataclass(frozen=True, slots=True)
class Table:
    """One stored table: all that its care, its views and its commits need to know of it.

    Attributes:
        name: of its folder and its view.
        schema: its columns.
        sorted_by: how compaction sorts its rows.
        of_commit: whether its rows belong to a CT and become visible with it, all or none.
    """

    name: TableName
    schema: pa.Schema
    sorted_by: tuple[str, ...]
    of_commit: bool = True


TABLES: Final = (
    Table("scans", SCANS, ("series_key", "commit_seq")),
    Table("structures", STRUCTURES, ("structure", "series_key", "commit_seq")),
    Table("failures", FAILURES, ("series_key", "commit_seq")),
    Table("runs", RUNS, ("run_id",), of_commit=False),
)
"""All tables. `scans` comes first: a commit that it knows is complete in those opened after it."""

SCHEMAS: Final[dict[TableName, pa.Schema]] = {table.name: table.schema for table in TABLES}


def check_columns(name: TableName, stored: pa.Schema) -> list[pa.Field]:
    """Whether a stored table can be read and written by this version.

    A column that may be NULL can come and go between versions: one that the stored table lacks is
    NULL in its rows, one that is not known here is kept and not shown. What a number means is
    guarded by `pipeline_version`, not by the list of columns.

    Args:
        name: which table.
        stored: its columns as they are stored.

    Returns:
        The columns that it lacks.

    Raises:
        SetupError: a required column is missing or unknown here, or a column is of another type.
    """
    known = SCHEMAS[name]
    odd = [
        f"lacks {field.name}"
        for field in known
        if not field.nullable and field.name not in stored.names
    ]
    for field in stored:
        if field.name not in known.names:
            odd += [] if field.nullable else [f"has {field.name}, unknown here"]
        elif field.type != (wanted := known.field(field.name).type):
            odd.append(f"has {field.name} as {field.type} instead of {wanted}")
    if odd:
        raise SetupError(
            f"table {name} was made by another version of ctcohort (it {', '.join(odd)}): give a "
            "new --tables address, or use the version that made it"
        )
    return [field for field in known if field.name not in stored.names]
