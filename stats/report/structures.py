"""What was measured of each structure, for a report: the volumes and HU that count, by patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from stats.report.quantiles import PROBABILITIES, Quantiles

EXACT_ROWS: Final = 5_000_000
"""Of `structures`: quantiles of more are t-digests, which need no memory and err by about 0.1 %."""

_AT_ONCE: Final = 16
"""Structures whose scans are compared at a time: of 10^6 CTs 16 million rows."""

LARGE_STRUCTURES: Final = (
    "liver", "spleen", "kidney_left", "kidney_right", "pancreas", "heart_atrium_left",
    "heart_ventricle_left", "aorta", "brain", "vertebrae_L1", "vertebrae_L4", "hip_left",
    "autochthon_left", "gluteus_maximus_left", "iliopsoas_left",
)  # fmt: skip
"""Those whose figures are asked for most, for the table by sex."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements that count (stats.sql.what_counts, who_counts), one of a patient.

    Attributes:
        n_ml: patients whose volume counts.
        volume_ml: their quantiles; None if none counts.
        n_hu: patients whose mean HU counts.
        hu_mean: their quantiles; None if none counts.
    """

    n_ml: int
    volume_ml: Quantiles | None
    n_hu: int
    hu_mean: Quantiles | None


@dataclass(frozen=True, slots=True)
class StructureFigures:
    """A structure in all scans of the method that counts.

    Attributes:
        measured: of all patients.
        category: of its label schema; None for a structure that no schema of ours has.
        scans: how many, those that failed quality control too; found `whole`, `truncated` by the
            field of view, `implausible` or `absent`.
    """

    measured: Measured
    structure: str
    category: str | None
    scans: int
    whole: int
    truncated: int
    implausible: int
    absent: int


@dataclass(frozen=True, slots=True)
class FiguresBySex:
    """A structure in men and in women; None if it was not looked for in any of that sex."""

    structure: str
    men: Measured | None
    women: Measured | None


def structure_figures(
    database: duckdb.DuckDBPyConnection, *, exact: bool
) -> tuple[StructureFigures, ...]:
    """All structures in the order of their ids.

    Args:
        database: from `stats.query.connect`.
        exact: sort all values for the quantiles; else a t-digest.
    """
    found = database.sql(
        """SELECT structure, any_value(category), count(*), count(*) FILTER (status = 'ok'),
                  count(*) FILTER (status = 'truncated'),
                  count(*) FILTER (status = 'implausible'), count(*) FILTER (status = 'absent')
           FROM latest_structures GROUP BY structure ORDER BY min(structure_id), structure"""
    ).fetchall()
    measured: dict[str, Measured] = {}
    for names in _batched([row[0] for row in found], _AT_ONCE):
        sql = f"""SELECT structure, {_measured_columns(exact=exact)} FROM one_scan_a_patient
                  WHERE list_contains($names, structure) GROUP BY structure"""  # noqa: S608 - our own names
        rows = database.execute(sql, {"names": names}).fetchall()
        measured |= {row[0]: _measured(*row[1:]) for row in rows}
    nothing = Measured(0, None, 0, None)
    return tuple(StructureFigures(measured.get(row[0], nothing), *row) for row in found)


def figures_by_sex(
    database: duckdb.DuckDBPyConnection, candidates: str
) -> tuple[FiguresBySex, ...]:
    """Those of `LARGE_STRUCTURES` that were looked for in men or women.

    Args:
        database: from `stats.query.connect`.
        candidates: `Cohort.candidates_table`.
    """
    sql = f"""
        SELECT structure, candidates.sex, {_measured_columns(exact=True)}
        FROM one_scan_a_patient JOIN {candidates} AS candidates USING (series_key)
        WHERE structure IN {LARGE_STRUCTURES} AND candidates.sex IN ('M', 'F')
        GROUP BY 1, 2
        """  # noqa: S608 - our own names
    found = {(row[0], row[1]): _measured(*row[2:]) for row in database.sql(sql).fetchall()}
    both = [FiguresBySex(n, found.get((n, "M")), found.get((n, "F"))) for n in LARGE_STRUCTURES]
    return tuple(figures for figures in both if figures.men or figures.women)


def _batched(names: Sequence[str], size: int) -> Iterator[list[str]]:
    """The names in lists of at most `size`."""
    return (list(names[n : n + size]) for n in range(0, len(names), size))


def _measured_columns(*, exact: bool) -> str:
    take = "quantile_cont" if exact else "approx_quantile"
    return f"""count(whole_ml), {take}(whole_ml, {PROBABILITIES}),
               count(usable_hu), {take}(usable_hu, {PROBABILITIES})"""


def _measured(
    n_ml: int, volume_ml: list[float] | None, n_hu: int, hu_mean: list[float] | None
) -> Measured:
    return Measured(n_ml, Quantiles.of(volume_ml), n_hu, Quantiles.of(hu_mean))
