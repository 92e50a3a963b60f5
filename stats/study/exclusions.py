"""Which measurements of a structure count in a study, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import duckdb
import numpy as np
import numpy.typing as npt

from stats.sql.what_counts import KEPT_ON_REQUEST, REASONS
from stats.sql.who_counts import BEST_SCAN_FIRST
from stats.study.selection import Cohort, Flags, Numbers

Measure = Literal["volume_ml", "hu_mean"]

MEASURES: Final[tuple[Measure, ...]] = ("volume_ml", "hu_mean")

UNITS: Final[dict[Measure, str]] = {"volume_ml": "ml", "hu_mean": "HU"}

STEPS: Final = {"not_segmented": "the scan's method does not know the structure", **REASONS}
"""Reason and its meaning, in this order; a measurement is counted at the first that fits."""

_NOT_SEGMENTED: Final = 0
"""Place of `not_segmented` in `STEPS`: no row of the tables says so, but that there is none."""

_NOT_CHOSEN: Final = -2
"""Of a scan whose patient has one that shows the structure better."""


@dataclass(frozen=True)
class Measured:
    """One structure in the M scans of a cohort, in the cohort's order, one scan a patient.

    Attributes:
        volume_ml: (M,) ml; NaN where not measured or not chosen.
        hu_mean: (M,) HU; NaN where not measured or not chosen.
        excluded_by: measure to (M,) place in `STEPS` of the reason why it does not count; -1 where
            it counts, -2 where another scan of the patient is chosen.
    """

    volume_ml: Numbers
    hu_mean: Numbers
    excluded_by: Mapping[Measure, npt.NDArray[np.int8]]

    @property
    def segmented(self) -> Flags:
        """(M,) whether it is chosen, and its method knows the structure at all."""
        by = self.excluded_by["volume_ml"]
        segmented: Flags = (by != _NOT_SEGMENTED) & (by != _NOT_CHOSEN)
        return segmented


def measured(database: duckdb.DuckDBPyConnection, cohort: Cohort, structure: str) -> Measured:
    """Reads one structure, of each patient in the scan that shows it best.

    Nothing but its five columns is ever in memory.

    Args:
        database: in which `stats.study.selection.select_cohort` made this cohort.
        cohort: the same.
        structure: e.g. `kidney_left`.
    """
    rows = database.sql(
        f"""SELECT number, volume_ml, hu_mean,
                   coalesce(list_position($reasons, volume_excluded_by), 0) - 1 AS volume_by,
                   coalesce(list_position($reasons, hu_excluded_by), 0) - 1 AS hu_by
            FROM latest
            JOIN (SELECT number, series_key, person FROM {cohort.scans_table}) USING (series_key)
            WHERE structure = $structure
            QUALIFY row_number() OVER (PARTITION BY person ORDER BY {BEST_SCAN_FIRST}) = 1""",  # noqa: S608 - our own names
        params={"structure": structure, "reasons": list(STEPS)},
    ).to_arrow_table()
    n, at = len(cohort.age_years), rows["number"].to_numpy()
    chosen = np.zeros(n, dtype=bool)  # by the patient's number
    chosen[cohort.patient[at]] = True
    others = np.full(n, _NOT_CHOSEN, dtype=np.int8)
    others[cohort.stands & ~chosen[cohort.patient]] = _NOT_SEGMENTED

    def numbers(name: str) -> Numbers:
        column = np.full(n, np.nan)
        column[at] = rows[name].to_numpy()
        return column

    def reasons(name: str) -> npt.NDArray[np.int8]:
        column = others.copy()
        column[at] = rows[name].to_numpy()
        return column

    excluded_by: dict[Measure, npt.NDArray[np.int8]] = {
        "volume_ml": reasons("volume_by"), "hu_mean": reasons("hu_by"),
    }  # fmt: skip
    return Measured(numbers("volume_ml"), numbers("hu_mean"), excluded_by)


def excluded(rows: Measured, measure: Measure, *, keep_truncated: bool = False) -> dict[str, Flags]:
    """(M,) for each of `STEPS`: the scans that it excludes. They do not overlap.

    Args:
        rows: the structure.
        measure: what is studied.
        keep_truncated: count the volume of what is seen of a cut structure too, as the paper does.
    """
    kept = KEPT_ON_REQUEST if keep_truncated else None
    by = rows.excluded_by[measure]
    return {reason: (by == n) & (reason != kept) for n, reason in enumerate(STEPS)}


def used_values(rows: Measured, measure: Measure, faults: Mapping[str, Flags]) -> Numbers:
    """(M,) ml or HU; NaN where one of the faults excludes the scan, or it is not chosen.

    Args:
        rows: the structure.
        measure: what is studied.
        faults: of `excluded`, of the same measure.
    """
    unused = np.logical_or.reduce([*faults.values(), rows.excluded_by[measure] == _NOT_CHOSEN])
    return np.where(unused, np.nan, getattr(rows, measure))


def in_words(counts: dict[str, int], lower_volume_ml: float) -> str | None:
    """E.g. "14 below 40 ml; 3 truncated"; None if nothing is excluded."""
    below = (
        "below its schema's volume"
        if np.isnan(lower_volume_ml)
        else (f"below {lower_volume_ml:g} ml")
    )
    words = {"not_segmented": "not segmented", "below_cutoff": below}
    parts = [f"{n} {words.get(reason, reason)}" for reason, n in counts.items() if n]
    return "; ".join(parts) or None
