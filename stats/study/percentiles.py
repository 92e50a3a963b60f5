"""Where one patient stands among people of the same sex and about the same age.

They are those of the reference curves (stats.study.aging): each counts by the one scan that shows
the structure best (stats.sql.who_counts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from segment_actor.errors import SetupError
from segment_actor.person import OLDEST_YEARS
from stats.sql.who_counts import BETTER_SCAN, PERSON
from stats.study.candidates import Only, is_only
from stats.study.exclusions import MEASURES, Measure
from stats.study.intervals import MIN_PEOPLE_PERCENTILE, percentile_interval
from stats.study.reference_curves import NEAR_YEARS
from stats.study.tests_of_age import Row

PERCENTILE: Final = pa.schema(
    [
        ("structure", pa.string()),
        *(
            (f"{measure}{column}", kind)
            for measure in MEASURES
            for column, kind in (
                ("", pa.float64()),
                ("_percentile", pa.float64()),
                ("_percentile_low", pa.float64()),
                ("_percentile_high", pa.float64()),
                ("_n", pa.int64()),
                ("_reason", pa.string()),
            )
        ),
    ]
)
"""One row a structure: value, percentile with its 95 % interval, how many people are compared with,
and why there is no percentile."""

WINDOW_YEARS: Final = NEAR_YEARS
"""People at most so much older or younger are compared with."""


def patient_percentiles(
    database: duckdb.DuckDBPyConnection,
    series_key: str,
    window_years: float = WINDOW_YEARS,
    only: Sequence[Only] = (),
) -> pa.Table:
    """Where one scan stands among people of the same sex and similar age, structure by structure.

    A percentile is the share of other people's values below, plus half the share of equal ones
    ("mean" of scipy's percentileofscore), with the interval of `stats.study.intervals`. The patient
    is not compared with himself.

    Args:
        database: from `stats.query.connect`.
        series_key: the scan.
        window_years: how much older or younger the others may be.
        only: columns of scans; others' scans without these values are left out.

    Returns:
        Rows of `PERCENTILE`.

    Raises:
        SetupError: the tables do not hold the scan, or not its age or sex, or a column is unknown.
    """
    patient = _patient(database, series_key)
    own = database.sql(_OWN, params={"key": series_key}).to_arrow_table().to_pylist()
    values: dict[str, dict[Measure, float | None]] = {
        row["structure"]: {measure: row[measure] for measure in MEASURES} for row in own
    }
    others = _others(database, only)
    people: dict[str, object] = {
        "person": patient.person,
        "sex": patient.sex,
        "youngest": patient.age_years - window_years,
        "oldest": patient.age_years + window_years,
        "oldest_of_all": OLDEST_YEARS,
    } | {f"only_{n}": list(one.values) for n, one in enumerate(only)}
    counts = _counts(database, others, values, people)
    rows: list[Row] = [{"structure": row["structure"]} for row in own]
    for row, mine, count in zip(rows, own, counts, strict=True):
        for measure in MEASURES:
            reason = mine[f"{measure}_reason"]
            row.update(_percentile_columns(measure, mine[measure], reason, count[measure]))
    return pa.Table.from_pylist(rows, schema=PERCENTILE)


@dataclass(frozen=True, slots=True)
class _Patient:
    age_years: float
    sex: str
    person: str


def _patient(database: duckdb.DuckDBPyConnection, series_key: str) -> _Patient:
    found = database.execute(
        f"SELECT age_years, sex, {PERSON} FROM latest_scans WHERE series_key = $key",  # noqa: S608 - our own words
        {"key": series_key},
    ).fetchall()
    if not found:
        sql = "SELECT pipeline_version FROM scans WHERE series_key = $key ORDER BY commit_seq DESC"
        others = [str(v) for (v,) in database.execute(sql, {"key": series_key}).fetchall()]
        of = " of the pipeline version that counts; --pipeline-version " + ", ".join(others)
        raise SetupError(f"the tables hold no scan {series_key}{of if others else ''}")
    age_years, sex, person = found[0]
    if age_years is None or sex is None:
        raise SetupError(
            f"age or sex of scan {series_key} is not known, so there is nobody to compare with"
        )
    return _Patient(age_years, sex, person)


def _others(database: duckdb.DuckDBPyConnection, only: Sequence[Only]) -> str:
    """SQL of the scans to choose from: all that count of everybody with one near in age and sex."""
    known = [
        name for (name,) in database.sql("SELECT column_name FROM (DESCRIBE scans)").fetchall()
    ]
    for one in only:
        if one.column not in known:
            raise SetupError(f"there is no column {one.column}; choose from {', '.join(known)}")
    wanted = " AND ".join(is_only(one.column, n) for n, one in enumerate(only)) or "true"
    return f"""
        WITH possible AS (
            SELECT *, {PERSON} AS person FROM latest_scans
            WHERE counts AND age_years BETWEEN 0 AND $oldest_of_all AND {wanted}),
        near AS (
            SELECT DISTINCT person FROM possible
            WHERE sex = $sex AND age_years BETWEEN $youngest AND $oldest AND person <> $person)
        SELECT series_key, person,
               sex IS NOT DISTINCT FROM $sex AND age_years BETWEEN $youngest AND $oldest AS fits,
               row_number() OVER (ORDER BY {BETTER_SCAN}) AS place
        FROM possible SEMI JOIN near USING (person)"""  # noqa: S608 - our own words


def _counts(
    database: duckdb.DuckDBPyConnection,
    others: str,
    values: Mapping[str, Mapping[Measure, float | None]],
    people: Mapping[str, object],
) -> list[dict[Measure, tuple[int, int, int]]]:
    """How many people have a value, a lower one and an equal one, for each structure.

    Of each of them counts the scan that shows the structure best, if it fits in sex and age.
    """
    if not values:
        return []
    best, counted = [], []
    for n, (name, mine) in enumerate(values.items()):
        # the order of BEST_SCAN_FIRST in one number; there are fewer than 2^40 scans
        order = f"(({name}_ml IS NULL)::BIGINT * 2 + ({name}_hu IS NULL)::BIGINT) << 40 | place"
        shown = f"{{'ml': {name}_ml, 'hu': {name}_hu, 'fits': fits}}"
        best.append(f"arg_min({shown}, {order}) AS best_{n}")
        for measure, ending in _ENDINGS.items():
            value, own = f"best_{n}.{ending}", _literal(mine[measure])
            fits = f"best_{n}.fits"
            counted += [
                f"count({value}) FILTER ({fits})",
                f"count_if({fits} AND {value} < {own})",
                f"count_if({fits} AND {value} = {own})",
            ]
    (found,) = database.execute(
        f"""SELECT {", ".join(counted)} FROM (
                SELECT {", ".join(best)} FROM wide_both JOIN ({others}) USING (series_key)
                GROUP BY person)""",  # noqa: S608 - our own names
        people,
    ).fetchall()
    triples = iter(zip(found[::3], found[1::3], found[2::3], strict=True))
    return [{measure: next(triples) for measure in _ENDINGS} for _ in values]


def _literal(value: float | None) -> str:
    return "NULL::DOUBLE" if value is None else f"{value!r}::DOUBLE"


def _percentile_columns(
    measure: Measure, value: float | None, excluded_by: str | None, counts: tuple[int, int, int]
) -> Row:
    n, lower, equal = counts
    percentile = low = high = reason = None
    if value is None:
        reason = excluded_by
    elif n < MIN_PEOPLE_PERCENTILE:
        reason = f"only {n} people to compare with"
    else:
        percentile = 100.0 * (lower + 0.5 * equal) / n
        low, high = (float(end) for end in percentile_interval(n, lower, equal))
    return {
        measure: value,
        f"{measure}_percentile": percentile,
        f"{measure}_percentile_low": low,
        f"{measure}_percentile_high": high,
        f"{measure}_n": n,
        f"{measure}_reason": reason,
    }


_ENDINGS: Final[dict[Measure, str]] = {"volume_ml": "ml", "hu_mean": "hu"}
"""Of the columns of the wide views."""

_OWN: Final = """
    SELECT structure, whole_ml AS volume_ml, usable_hu AS hu_mean,
           volume_excluded_by AS volume_ml_reason, hu_excluded_by AS hu_mean_reason
    FROM latest WHERE series_key = $key AND category IS NOT NULL ORDER BY structure
"""
"""Structures of a label schema alone: the wide views have no column for others."""
