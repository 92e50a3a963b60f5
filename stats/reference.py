"""Reference values: percentiles of a measurement by age and sex, and where one patient stands.

Both use the same people: scans of the same sex whose age differs by at most `WINDOW_YEARS`. The
percentiles are those of these people, no curve is fitted; so each number can be counted again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from segment_actor.errors import SetupError
from stats.cohort import Numbers

PERCENTILES: Final = (5, 25, 50, 75, 95)

WINDOW_YEARS: Final = 5.0
"""People at most so much older or younger are compared with."""

MIN_PEOPLE: Final = 20
"""With fewer, the 5th percentile would lie below the lowest value."""


def reference_curve(age_years: Numbers, values: Numbers) -> Iterator[tuple[int, int, list[float]]]:
    """Age in whole years, number of people, and their `PERCENTILES`, where people are enough.

    Args:
        age_years: (n,) years.
        values: (n,) volume or density.
    """
    if len(values) < MIN_PEOPLE:
        return
    order = np.argsort(age_years, kind="stable")
    ages, sorted_values = age_years[order], values[order]
    for age in range(int(np.ceil(ages[0])), int(ages[-1]) + 1):
        first = np.searchsorted(ages, age - WINDOW_YEARS, side="left")
        last = np.searchsorted(ages, age + WINDOW_YEARS, side="right")
        if last - first >= MIN_PEOPLE:
            found = np.percentile(sorted_values[first:last], PERCENTILES)
            yield age, int(last - first), [float(v) for v in found]


def patient_percentiles(
    database: duckdb.DuckDBPyConnection, series_key: str, window_years: float = WINDOW_YEARS
) -> pa.Table:
    """Where one scan stands among scans of the same sex and similar age, structure by structure.

    A percentile is the share of other people's values below, plus half the share of equal ones
    ("mean" of scipy's percentileofscore). Scans of the same patient are not compared with.

    Args:
        database: from `stats.query.connect`.
        series_key: the scan.
        window_years: how much older or younger the others may be.

    Returns:
        One row a structure: structure, status, and for volume_ml and hu_mean the value, percentile,
        number of people, and a reason where there is no percentile.

    Raises:
        SetupError: the tables do not hold the scan, or not its age or sex.
    """
    found = database.execute(
        "SELECT age_years, sex, patient_key FROM scans WHERE series_key = $key "
        "ORDER BY commit_seq DESC LIMIT 1",
        {"key": series_key},
    ).fetchall()
    if not found:
        raise SetupError(f"the tables hold no scan {series_key}")
    age_years, sex, patient_key = found[0]
    if age_years is None or sex is None:
        raise SetupError(
            f"age or sex of scan {series_key} is not known, so there is nobody to compare with"
        )
    return database.sql(
        _PERCENTILES,
        params={
            "key": series_key,
            "patient": patient_key,
            "sex": sex,
            "youngest": age_years - window_years,
            "oldest": age_years + window_years,
            "min_people": MIN_PEOPLE,
        },
    ).to_arrow_table()


def _counts(measure: str) -> str:
    """SQL: how many people have the measure, a lower one, and an equal one."""
    return f"""
        count(others.{measure}) AS {measure}_n,
        count(*) FILTER (others.{measure} < own.{measure}) AS {measure}_lower,
        count(*) FILTER (others.{measure} = own.{measure}) AS {measure}_equal"""


def _answers(measure: str) -> str:
    """SQL: the value, its percentile, among how many, and why there is none."""
    return f"""
        {measure},
        CASE WHEN {measure} IS NOT NULL AND {measure}_n >= $min_people
             THEN 100 * ({measure}_lower + 0.5 * {measure}_equal) / {measure}_n
             END AS {measure}_percentile,
        {measure}_n,
        CASE WHEN {measure} IS NULL THEN status
             WHEN {measure}_n < $min_people THEN 'only ' || {measure}_n || ' people to compare with'
             END AS {measure}_reason"""


# A structure counts as in stats.exclusions. Age and sex are constants here, not a join with the
# scan's own row, so that the tables' files of other ages need not be opened.
_PERCENTILES: Final = f"""
    WITH usable AS (
        SELECT series_key, patient_key, sex, age_years, structure, status,
               CASE WHEN status = 'ok' THEN volume_ml END AS volume_ml,
               CASE WHEN status = 'ok' OR status = 'truncated' AND volume_ml >= coalesce(
                        lower_volume_ml, 0) THEN hu_mean END AS hu_mean
        FROM latest LEFT JOIN anatomy USING (label_schema, structure)),
    own AS (SELECT * FROM usable WHERE series_key = $key),
    others AS (
        SELECT structure, volume_ml, hu_mean FROM usable
        WHERE sex = $sex AND age_years BETWEEN $youngest AND $oldest AND series_key <> $key
          AND ($patient IS NULL OR patient_key IS DISTINCT FROM $patient)),
    counted AS (
        SELECT own.structure, {_counts("volume_ml")}, {_counts("hu_mean")}
        FROM own LEFT JOIN others USING (structure) GROUP BY own.structure)
    SELECT structure, {_answers("volume_ml")}, {_answers("hu_mean")}
    FROM own JOIN counted USING (structure) ORDER BY structure
"""  # noqa: S608 - our own names
