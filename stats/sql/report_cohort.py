"""Who and what was measured, in numbers, for a report; see stats.sql.report_runs.

Volumes and HU count where they count in the wide views and in the aging study.
"""

from __future__ import annotations

from typing import Final

import duckdb

from segment_actor.person import OLDEST_YEARS
from stats.sql.report_runs import QUANTILES, Row, answer

EXACT_ROWS: Final = 5_000_000
"""Of `structures`: quantiles of more are t-digests, which need no memory and err by about 0.1 %."""

LARGE_STRUCTURES: Final = (
    "liver", "spleen", "kidney_left", "kidney_right", "pancreas", "heart_atrium_left",
    "heart_ventricle_left", "aorta", "brain", "vertebrae_L1", "vertebrae_L4", "hip_left",
    "autochthon_left", "gluteus_maximus_left", "iliopsoas_left",
)  # fmt: skip
"""Those whose figures are asked for most, for the table by sex."""


def verdicts(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Scans by verdict of quality control; '' has those that were not judged."""
    sql = "SELECT coalesce(qc, ''), count(*) FROM latest_scans GROUP BY 1"
    return dict(database.sql(sql).fetchall())


def findings(database: duckdb.DuckDBPyConnection) -> list[Row]:
    """What quality control found: code, verdict, sentence, scans; the most frequent first.

    Notes that ask for nothing (verdict pass) come last.
    """
    return answer(
        database,
        """
        SELECT code, coalesce(any_value(verdict), '') AS verdict,
               coalesce(any_value(sentence), '') AS sentence, count(DISTINCT series_key) AS scans
        FROM report_findings LEFT JOIN qc_codes USING (code)
        GROUP BY code ORDER BY coalesce(any_value(verdict), '') = 'pass', scans DESC, code
        """,
    )


def flagged(database: duckdb.DuckDBPyConnection, most: int = 12) -> list[Row]:
    """Structures with a finding that someone should look at, the most often flagged first."""
    return answer(
        database,
        f"""
        WITH named AS (
            SELECT code, unnest(string_split(structures, ', ')) AS structure, series_key
            FROM report_findings JOIN qc_codes USING (code)
            WHERE verdict <> 'pass' AND structures <> '')
        SELECT structure, count(DISTINCT series_key) AS scans, mode(code ORDER BY code) AS code
        FROM named GROUP BY 1 ORDER BY scans DESC, structure LIMIT {most:d}
        """,  # noqa: S608 - a number
    )


def ages(database: duckdb.DuckDBPyConnection) -> list[Row]:
    """Scans by five years of age and sex (M, F, or '' for other and not known)."""
    return answer(
        database,
        f"""
        SELECT 5 * floor(age_years / 5)::INTEGER AS from_years,
               CASE WHEN sex IN ('M', 'F') THEN sex ELSE '' END AS sex, count(*) AS scans
        FROM candidates WHERE age_years BETWEEN 0 AND {OLDEST_YEARS} GROUP BY 1, 2 ORDER BY 1, 2
        """,  # noqa: S608 - a number
    )


def people(database: duckdb.DuckDBPyConnection) -> Row:
    """Scans and patients, what is not known of them, and quantiles of age by sex."""
    quantiles = list(QUANTILES)
    return answer(
        database,
        f"""
        SELECT count(*) AS scans, count(DISTINCT patient_key) AS patients,
               count(*) FILTER (patient_key IS NULL) AS no_patient,
               count(*) FILTER (age_years IS NULL) AS no_age,
               count(*) FILTER (sex IS NULL) AS no_sex,
               count(*) FILTER (age_years NOT BETWEEN 0 AND {OLDEST_YEARS}) AS odd_age,
               count(*) FILTER (sex = 'M') AS men, count(*) FILTER (sex = 'F') AS women,
               quantile_cont(age_years, {quantiles})
                   FILTER (age_years BETWEEN 0 AND {OLDEST_YEARS}) AS age
        FROM candidates
        """,  # noqa: S608 - numbers
    )[0]


def scanners(database: duckdb.DuckDBPyConnection, most: int = 10) -> list[Row]:
    """Scans by maker and model as DICOM has them, NULL where it has neither; the rest together."""
    return answer(
        database,
        f"""
        WITH named AS (
            SELECT nullif(trim(concat_ws(' ', manufacturer, scanner_model)), '') AS name
            FROM latest_scans),
        ranked AS (
            SELECT name, count(*) AS scans,
                   row_number() OVER (ORDER BY name IS NULL, count(*) DESC, name) AS place
            FROM named GROUP BY 1)
        SELECT if(place <= {most:d} OR name IS NULL, name, 'all others') AS scanner,
               sum(scans)::BIGINT AS scans
        FROM ranked GROUP BY scanner ORDER BY scanner IS NULL, min(place)
        """,  # noqa: S608 - a number
    )


def binned(
    database: duckdb.DuckDBPyConnection, column: str, bounds: tuple[float, ...]
) -> dict[int | None, int]:
    """Scans between bounds of a column of `scans`.

    Args:
        database: prepared.
        column: a name of ours.
        bounds: ascending; a value at a bound belongs below it.

    Returns:
        how many bounds lie below the value, and scans; None has those without a value.
    """
    sql = f"""
        SELECT len(list_filter({list(bounds)}, lambda bound: {column} > bound)) AS bin, count(*)
        FROM (SELECT {column} FROM latest_scans WHERE {column} IS NOT NULL) GROUP BY 1
        UNION ALL SELECT NULL, count(*) FILTER ({column} IS NULL) FROM latest_scans
        """  # noqa: S608 - our own names
    return dict(database.sql(sql).fetchall())


def structures(database: duckdb.DuckDBPyConnection, *, exact: bool) -> list[Row]:
    """Each structure: scans by status, and quantiles of volume and mean HU, in one pass.

    Volumes are those of whole structures (status ok); HU also those of what the field of view cuts,
    unless it is implausibly small. The wide views count the same.

    Args:
        database: prepared.
        exact: sort all values for the quantiles; else a t-digest.
    """
    take = "quantile_cont" if exact else "approx_quantile"
    return answer(
        database,
        f"""
        SELECT structure, any_value(category) AS category, count(*) AS scans,
               count(*) FILTER (status = 'ok') AS ok,
               count(*) FILTER (status = 'truncated') AS truncated,
               count(*) FILTER (status = 'implausible') AS implausible,
               count(*) FILTER (status = 'absent') AS absent,
               count(whole_ml) AS n_ml, {take}(whole_ml, {list(QUANTILES)}) AS ml,
               count(usable_hu) AS n_hu, {take}(usable_hu, {list(QUANTILES)}) AS hu
        FROM report_structures GROUP BY structure ORDER BY min(structure_id), structure
        """,  # noqa: S608 - our own names
    )


def by_sex(database: duckdb.DuckDBPyConnection) -> list[Row]:
    """Volume and HU of the structures asked for most, for men and women."""
    return answer(
        database,
        f"""
        SELECT structure, c.sex AS sex, count(whole_ml) AS n_ml,
               quantile_cont(whole_ml, {list(QUANTILES)}) AS ml, count(usable_hu) AS n_hu,
               quantile_cont(usable_hu, {list(QUANTILES)}) AS hu
        FROM report_structures AS s JOIN candidates AS c USING (series_key)
        WHERE structure IN {LARGE_STRUCTURES} AND c.sex IN ('M', 'F')
        GROUP BY 1, 2
        """,  # noqa: S608 - our own names
    )
