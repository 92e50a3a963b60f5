"""Which scans can be in a study: each with its person, or the reason to leave it out, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import duckdb

from segment_actor.errors import SetupError
from segment_actor.person import OLDEST_YEARS
from stats.sql.who_counts import BETTER_SCAN, PERSON, SCAN_COLUMNS
from stats.study.demographics import Demographics

_REASONS: Final = {
    "others": "seen by another pipeline version only (view versions)",
    "failed": "could not be measured (table failures says why)",
    "failed_qc": "quality control failed the CT (view qc_findings)",
    "unmatched": "no row in the demographics file",
    "age": "age not known",
    "impossible": f"age outside 0 to {OLDEST_YEARS:.0f} years",
    "sex": "of another sex, or sex not known",
    "incomplete": "incomplete field of view (a required structure is cut off or absent)",
    "other": "not among those asked for (--only), or not known",
    "further": "further scans of the same patients: each structure takes the best of a patient's",
}
"""In this order; a scan is counted at the first that fits."""

_ALWAYS_SAID: Final = ("failed", "failed_qc", "age")
"""Also where none is left out."""


@dataclass(frozen=True, slots=True)
class Only:
    """Scans of certain values of a column alone.

    Attributes:
        column: of scans, or of the demographics file.
        values: as text, or numbers as text.
    """

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is to be studied, and what is to be corrected for.

    Attributes:
        sexes: only these; empty for all, of whatever sex.
        complete: structures that must be in the field of view as a whole.
        adjust: columns of scans, or of the demographics file, to correct for.
        only: strata, all of which must apply.
    """

    sexes: Sequence[Literal["M", "F"]] = ()
    complete: Sequence[str] = ()
    adjust: Sequence[str] = ()
    only: Sequence[Only] = ()


def is_only(source: str, number: int) -> str:
    """SQL condition that a column has one of the values of parameter `only_<number>`.

    Numbers are compared as numbers: 120 finds 120.0.
    """
    return f"""({source}::VARCHAR IN (SELECT unnest($only_{number}))
        OR try_cast({source}::VARCHAR AS DOUBLE)
           IN (SELECT try_cast(unnest($only_{number}) AS DOUBLE)))"""


def register_people(
    database: duckdb.DuckDBPyConnection, demographics: Demographics | None
) -> dict[str, list[str]]:
    """Makes the user's table known as `people`, and finds the keys without a partner.

    Raises:
        SetupError: no key of the file is a key of the tables.
    """
    if demographics is None:
        return {}
    key = demographics.key
    database.register("people", demographics.people)
    scans = column_of(
        database,
        f"SELECT DISTINCT series_key FROM scans WHERE {key} IS NULL "  # noqa: S608 - one of KEYS
        f"OR {key} NOT IN (SELECT {key} FROM people) ORDER BY 1",
    )
    rows = column_of(
        database,
        f"SELECT {key} FROM people WHERE {key} NOT IN "  # noqa: S608 - one of KEYS
        f"(SELECT {key} FROM scans WHERE {key} IS NOT NULL) ORDER BY 1",
    )
    if len(rows) == demographics.people.num_rows:
        raise SetupError(
            f"no {key} of {demographics.name} is in the tables: are the keys the pseudonyms of "
            "table scans?"
        )
    return {"scans": scans, "demographics": rows}


def column_of(database: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The first column of an answer, as text."""
    return [str(row[0]) for row in database.sql(sql).fetchall()]


def source_of(
    database: duckdb.DuckDBPyConnection, demographics: Demographics | None, name: str
) -> str:
    """SQL of a column: the user's where the file has it, else that of scans."""
    quoted = '"' + name.replace('"', '""') + '"'
    known = column_of(database, "SELECT column_name FROM (DESCRIBE latest_scans)")
    own = demographics.people.column_names if demographics else []
    if name in own:
        return f"people.{quoted}"
    if name in known:
        return f"scans.{quoted}"
    raise SetupError(f"there is no column {name}; choose from {', '.join(known)}")


def candidates_sql(
    columns: Sequence[str], demographics: Demographics | None, selection: Selection
) -> str:
    """SQL of all scans measured by the method that counts, with the reason to leave each out."""
    join, unmatched = "", "false"
    if demographics is not None:
        key = demographics.key
        join, unmatched = f"LEFT JOIN people ON people.{key} = scans.{key}", f"people.{key} IS NULL"
    incomplete = "false"
    if selection.complete:
        incomplete = """series_key NOT IN (
            SELECT series_key FROM latest
            WHERE list_contains($complete, structure) AND status NOT IN ('truncated', 'absent')
            GROUP BY series_key
            HAVING count(DISTINCT structure) = len(list_distinct($complete)))"""
    person = PERSON.replace("patient_key", "scans.patient_key").replace("series", "scans.series")
    used = ", ".join(SCAN_COLUMNS)
    own = ", ".join(
        f"scans.{name}" for name in ("structures_measured", "label_schema", *SCAN_COLUMNS)
    )
    return f"""
        WITH known AS (
            SELECT scans.series_key, scans.patient_key, {person} AS person, counts,
                   {own}, {unmatched} AS unmatched, {", ".join(columns)}
            FROM latest_scans AS scans {join}),
        judged AS (
            SELECT *, CASE
                WHEN NOT counts THEN 'failed_qc'
                WHEN unmatched THEN 'unmatched'
                WHEN age_years IS NULL THEN 'age'
                WHEN NOT age_years BETWEEN 0 AND $oldest THEN 'impossible'
                WHEN len($sexes) > 0 AND NOT coalesce(list_contains($sexes, sex), false) THEN 'sex'
                WHEN {incomplete} THEN 'incomplete'
                WHEN other THEN 'other' END AS fault
            FROM known),
        ranked AS (
            SELECT *, fault IS NULL AND row_number() OVER (
                PARTITION BY fault, person
                ORDER BY structures_measured DESC NULLS LAST, {BETTER_SCAN}) = 1 AS stands
            FROM judged)
        SELECT * EXCLUDE (counts, unmatched, other, fault, structures_measured, {used}),
               CASE WHEN fault IS NULL AND NOT stands THEN 'further' ELSE fault END AS reason
        FROM ranked
    """  # noqa: S608 - our own names, and quoted ones


@dataclass(frozen=True, slots=True)
class FlowStep:
    """A line of the flow: how many were left out for a reason, and how many are left."""

    step: str
    unit: str
    excluded: int
    left: int


def flow_of(database: duckdb.DuckDBPyConnection, candidates: str) -> list[FlowStep]:
    """From all series that the tables know to one a patient.

    Args:
        database: of `stats.query.connect`.
        candidates: table of the scans with the `reason` to leave each out.
    """
    sql = f"SELECT coalesce(reason, ''), count(*) FROM {candidates} GROUP BY 1"  # noqa: S608 - our own name
    counts = dict(database.sql(sql).fetchall())
    ((counts["failed"],), (seen,)) = database.sql(
        """SELECT count(DISTINCT series_key) FROM failures
           SEMI JOIN versions ON counts AND versions.pipeline_version = failures.pipeline_version
           ANTI JOIN latest_scans USING (series_key)
           UNION ALL
           SELECT count(DISTINCT series_key)
           FROM (SELECT series_key FROM scans UNION ALL SELECT series_key FROM failures)"""
    ).fetchall()
    counts["others"] = seen - sum(counts.values())
    left = seen
    steps = [FlowStep("CT series seen", "scans", 0, left)]
    for reason, sentence in _REASONS.items():
        left -= (excluded := counts.get(reason, 0))
        if excluded or reason in _ALWAYS_SAID:
            steps.append(FlowStep(sentence, "scans", excluded, left))
    return steps
