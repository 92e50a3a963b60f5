"""Who was measured, and on which scanners, for a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from segment_actor.person import OLDEST_YEARS
from stats.report.quantiles import PROBABILITIES, Quantiles, rows_as

MOST_SCANNERS: Final = 10

AGE_BIN_YEARS: Final = 5

FIELD_OF_VIEW_MM: Final = (200.0, 400.0, 600.0, 800.0, 1000.0, 1500.0)
"""Bounds of the bins of the field of view, feet to head: from a head to a whole body."""

SLICE_THICKNESS_MM: Final = (1.0, 1.5, 2.0, 3.0, 5.0)
"""Bounds of the bins of slice thickness: those that scanners offer."""


@dataclass(frozen=True, slots=True)
class People:
    """Scans and patients, and what is not known of them.

    Attributes:
        age_years: of the patients studied; None if there is none.
        studied: patients, of known and plausible age.
        men, women: of these.
        scans: that were measured.
        patients: as far as scans have a patient_key.
        no_patient, no_age, no_sex: scans that lack it.
        odd_age: scans with an age outside of 0 to `OLDEST_YEARS`.
    """

    age_years: Quantiles | None
    studied: int
    men: int
    women: int
    scans: int
    patients: int
    no_patient: int
    no_age: int
    no_sex: int
    odd_age: int


@dataclass(frozen=True, slots=True)
class AgeBin:
    """People from `from_years` to under `AGE_BIN_YEARS` more, by sex."""

    from_years: int
    men: int
    women: int
    others: int


@dataclass(frozen=True, slots=True)
class ScannerCount:
    """Scans of a scanner; name None: DICOM has neither maker nor model."""

    name: str | None
    scans: int


@dataclass(frozen=True, slots=True)
class LengthBin:
    """Scans over `above_mm` (None: no bound) and up to `up_to_mm` (None: no bound)."""

    above_mm: float | None
    up_to_mm: float | None
    scans: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """Scans by a length in mm; empty bins at the ends are left out."""

    bins: Sequence[LengthBin]
    not_known: int


def people(database: duckdb.DuckDBPyConnection, candidates: str) -> People:
    """Counts, and quantiles of age.

    Args:
        database: from `stats.query.connect`.
        candidates: `Cohort.candidates_table`.
    """
    sql = f"""
        SELECT quantile_cont(age_years, {PROBABILITIES}) FILTER (reason IS NULL),
               count(*) FILTER (reason IS NULL),
               count(*) FILTER (reason IS NULL AND sex = 'M'),
               count(*) FILTER (reason IS NULL AND sex = 'F'),
               count(*), count(DISTINCT patient_key), count(*) FILTER (patient_key IS NULL),
               count(*) FILTER (age_years IS NULL), count(*) FILTER (sex IS NULL),
               count(*) FILTER (NOT age_years BETWEEN 0 AND {OLDEST_YEARS})
        FROM {candidates}
        """  # noqa: S608 - our own names
    ((age_years, *numbers),) = database.sql(sql).fetchall()
    return People(Quantiles.of(age_years), *numbers)


def ages(database: duckdb.DuckDBPyConnection, candidates: str) -> tuple[AgeBin, ...]:
    """The patients studied, from the youngest bin to the oldest, empty ones between them included.

    Args:
        database: from `stats.query.connect`.
        candidates: `Cohort.candidates_table`.
    """
    sql = f"""
        SELECT {AGE_BIN_YEARS} * floor(age_years / {AGE_BIN_YEARS})::INTEGER AS from_years,
               count(*) FILTER (sex = 'M') AS men, count(*) FILTER (sex = 'F') AS women,
               count(*) - men - women AS others
        FROM {candidates} WHERE reason IS NULL GROUP BY 1
        """  # noqa: S608 - our own names
    found = {age_bin.from_years: age_bin for age_bin in rows_as(AgeBin, database, sql)}
    if not found:
        return ()
    starts = range(min(found), max(found) + 1, AGE_BIN_YEARS)
    return tuple(found.get(years, AgeBin(years, 0, 0, 0)) for years in starts)


def scanners(database: duckdb.DuckDBPyConnection) -> tuple[ScannerCount, ...]:
    """The most frequent by maker and model, the rest together, unknown last.

    A model of no list stands behind its maker as `other`, one of which neither is known as `other`.
    """
    sql = f"""
        WITH named AS (
            SELECT trim(concat_ws(' ', nullif(manufacturer, 'other'), scanner_model)) AS known,
                   coalesce(nullif(known, ''), nullif(trim(manufacturer), '')) AS name
            FROM latest_scans),
        ranked AS (
            SELECT name, count(*) AS scans,
                   row_number() OVER (ORDER BY name IS NULL, count(*) DESC, name) AS place
            FROM named GROUP BY 1)
        SELECT if(place <= {MOST_SCANNERS} OR name IS NULL, name, 'all others') AS scanner,
               sum(scans)::BIGINT AS scans
        FROM ranked GROUP BY scanner ORDER BY scanner IS NULL, min(place)
        """  # noqa: S608 - a number
    return tuple(ScannerCount(name, scans) for name, scans in database.sql(sql).fetchall())


def lengths(
    database: duckdb.DuckDBPyConnection, column: str, bounds_mm: Sequence[float]
) -> Lengths:
    """Scans between bounds of a column of `scans`.

    Args:
        database: from `stats.query.connect`.
        column: in mm.
        bounds_mm: ascending; a value at a bound belongs below it.
    """
    sql = f"""
        SELECT len(list_filter({list(bounds_mm)}, lambda bound: {column} > bound)), count(*)
        FROM (SELECT {column} FROM latest_scans WHERE {column} IS NOT NULL) GROUP BY 1
        UNION ALL SELECT NULL, count(*) FILTER ({column} IS NULL) FROM latest_scans
        """  # noqa: S608 - our own names
    found = dict(database.sql(sql).fetchall())
    not_known = found.pop(None, 0)
    ends = [None, *bounds_mm, None]
    places = range(min(found), max(found) + 1) if found else range(0)
    bins = [LengthBin(ends[n], ends[n + 1], found.get(n, 0)) for n in places]
    return Lengths(tuple(bins), not_known)
