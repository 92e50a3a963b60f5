"""Which measurements of a structure count in a study, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import duckdb
import numpy as np
import numpy.typing as npt

from stats.sql.what_counts import KEPT_ON_REQUEST, REASONS
from stats.study.selection import Cohort, Flags, Numbers

Measure = Literal["volume_ml", "hu_mean"]

MEASURES: Final[tuple[Measure, ...]] = ("volume_ml", "hu_mean")

UNITS: Final[dict[Measure, str]] = {"volume_ml": "ml", "hu_mean": "HU"}

STEPS: Final = {"not_segmented": "the scan's method does not know the structure", **REASONS}
"""Reason and its meaning, in this order; a measurement is counted at the first that fits."""

_NOT_SEGMENTED: Final = 0
"""Place of `not_segmented` in `STEPS`: no row of the tables says so, but that there is none."""


@dataclass(frozen=True)
class Measured:
    """One structure in all N scans of a cohort, in the cohort's order; NaN where not measured.

    Attributes:
        volume_ml: (N,) ml.
        hu_mean: (N,) HU.
        excluded_by: measure to (N,) place in `STEPS` of the reason why it does not count; -1 where
            it counts.
    """

    volume_ml: Numbers
    hu_mean: Numbers
    excluded_by: Mapping[Measure, npt.NDArray[np.int8]]

    @property
    def segmented(self) -> Flags:
        """(N,) whether the scan's method knows the structure at all."""
        segmented: Flags = self.excluded_by["volume_ml"] != _NOT_SEGMENTED
        return segmented


def measured(database: duckdb.DuckDBPyConnection, cohort: Cohort, structure: str) -> Measured:
    """Reads one structure; nothing but its five columns is ever in memory.

    Args:
        database: in which `stats.study.selection.select_cohort` made this cohort.
        cohort: the same.
        structure: e.g. `kidney_left`.
    """
    rows = database.sql(
        f"""SELECT number, volume_ml, hu_mean,
                   coalesce(list_position($reasons, volume_excluded_by), 0) - 1 AS volume_by,
                   coalesce(list_position($reasons, hu_excluded_by), 0) - 1 AS hu_by
            FROM latest JOIN {cohort.scans_table} USING (series_key)
            WHERE structure = $structure""",  # noqa: S608 - our own name
        params={"structure": structure, "reasons": list(STEPS)},
    ).to_arrow_table()
    n, at = len(cohort.age_years), rows["number"].to_numpy()

    def numbers(name: str) -> Numbers:
        column = np.full(n, np.nan)
        column[at] = rows[name].to_numpy()
        return column

    def reasons(name: str) -> npt.NDArray[np.int8]:
        column = np.full(n, _NOT_SEGMENTED, dtype=np.int8)
        column[at] = rows[name].to_numpy()
        return column

    excluded_by: dict[Measure, npt.NDArray[np.int8]] = {
        "volume_ml": reasons("volume_by"), "hu_mean": reasons("hu_by"),
    }  # fmt: skip
    return Measured(numbers("volume_ml"), numbers("hu_mean"), excluded_by)


def excluded(rows: Measured, measure: Measure, *, keep_truncated: bool = False) -> dict[str, Flags]:
    """(N,) for each of `STEPS`: the scans that it excludes. They do not overlap.

    Args:
        rows: the structure.
        measure: what is studied.
        keep_truncated: count the volume of what is seen of a cut structure too, as the paper does.
    """
    kept = KEPT_ON_REQUEST if keep_truncated else None
    by = rows.excluded_by[measure]
    return {reason: (by == n) & (reason != kept) for n, reason in enumerate(STEPS)}


def used_values(rows: Measured, measure: Measure, faults: Mapping[str, Flags]) -> Numbers:
    """(N,) ml or HU; NaN where one of the faults excludes the scan.

    Args:
        rows: the structure.
        measure: what is studied.
        faults: of `excluded`, of the same measure.
    """
    return np.where(np.logical_or.reduce(list(faults.values())), np.nan, getattr(rows, measure))


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
