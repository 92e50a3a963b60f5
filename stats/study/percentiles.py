"""Reference values: percentiles of a measurement by age and sex, and where one patient stands.

Both use the same people: scans of the same sex whose age differs by at most `WINDOW_YEARS`. The
percentiles are those of these people, no curve is fitted; so each number can be counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from segment_actor.errors import SetupError
from stats.study.exclusions import MEASURES, Measure
from stats.study.selection import Numbers
from stats.study.tests_of_age import Row

PERCENTILES: Final = (5, 25, 50, 75, 95)

PERCENTILE: Final = pa.schema(
    [
        ("structure", pa.string()),
        *(
            (f"{measure}{column}", kind)
            for measure in MEASURES
            for column, kind in (
                ("", pa.float64()),
                ("_percentile", pa.float64()),
                ("_n", pa.int64()),
                ("_reason", pa.string()),
            )
        ),
    ]
)
"""One row a structure: value, percentile, people compared with, and why there is no percentile."""

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
        Rows of `PERCENTILE`.

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
    own = database.sql(_OWN, params={"key": series_key}).to_arrow_table().to_pylist()
    people = {
        "key": series_key,
        "patient": patient_key,
        "sex": sex,
        "youngest": age_years - window_years,
        "oldest": age_years + window_years,
    }
    rows: list[Row] = [{"structure": row["structure"]} for row in own]
    for measure, (view, ending) in _WIDE.items():
        values = {f"{row['structure']}_{ending}": row[measure] for row in own}
        counts = _counts(database, view, values, people)
        for row, measured, count in zip(rows, own, counts, strict=True):
            row.update(_percentile_columns(measure, measured[measure], measured["status"], count))
    return pa.Table.from_pylist(rows, schema=PERCENTILE)


def _counts(
    database: duckdb.DuckDBPyConnection,
    view: str,
    values: Mapping[str, float | None],
    people: Mapping[str, object],
) -> list[tuple[int, int, int]]:
    """For each column: how many people have a value, how many a lower one, how many an equal one.

    The wide views lie sorted by sex and age, so that only these people are read.
    """
    if not values:
        return []
    columns = [
        f"count({name}), count_if({name} < {_literal(value)}), count_if({name} = {_literal(value)})"
        for name, value in values.items()
    ]
    (found,) = database.execute(
        f"""SELECT {", ".join(columns)} FROM {view}
            WHERE sex = $sex AND age_years BETWEEN $youngest AND $oldest AND series_key <> $key
              AND ($patient IS NULL OR patient_key IS DISTINCT FROM $patient)""",  # noqa: S608 - our own names
        people,
    ).fetchall()
    return list(zip(found[::3], found[1::3], found[2::3], strict=True))


def _literal(value: float | None) -> str:
    return "NULL::DOUBLE" if value is None else f"{value!r}::DOUBLE"


def _percentile_columns(
    measure: Measure, value: float | None, status: str, counts: tuple[int, int, int]
) -> Row:
    n, lower, equal = counts
    percentile = reason = None
    if value is None:
        reason = status
    elif n < MIN_PEOPLE:
        reason = f"only {n} people to compare with"
    else:
        percentile = 100.0 * (lower + 0.5 * equal) / n
    return {
        measure: value,
        f"{measure}_percentile": percentile,
        f"{measure}_n": n,
        f"{measure}_reason": reason,
    }


_WIDE: Final[dict[Measure, tuple[str, str]]] = {
    "volume_ml": ("wide", "ml"), "hu_mean": ("wide_hu", "hu"),
}  # fmt: skip

_OWN: Final = """
    SELECT structure, status, whole_ml AS volume_ml, usable_hu AS hu_mean
    FROM latest WHERE series_key = $key AND category IS NOT NULL ORDER BY structure
"""
"""Structures of a label schema alone: the wide views have no column for others."""
