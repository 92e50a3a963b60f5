"""Which measurements of a structure count in a study, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import duckdb
import numpy as np

from stats.study.selection import Cohort, Flags, Numbers

Measure = Literal["volume_ml", "hu_mean"]

MEASURES: Final[tuple[Measure, ...]] = ("volume_ml", "hu_mean")

UNITS: Final[dict[Measure, str]] = {"volume_ml": "ml", "hu_mean": "HU"}

STEPS: Final = {
    "not_segmented": "the scan's method does not know the structure",
    "absent": "no voxel was found",
    "below_cutoff": "failed segmentation: volume below the lower cut-off",
    "truncated": "the field of view cuts the structure (volume only)",
}
"""Reason and its meaning, in this order; a measurement is counted at the first that fits."""

REASONS: Final = tuple(STEPS)


@dataclass(frozen=True)
class Measured:
    """One structure in all N scans of a cohort, in the cohort's order; NaN where not measured.

    Attributes:
        volume_ml, hu_mean: (N,) ml and HU.
        seen: (N,) whether the scan's method knows the structure at all.
        truncated: (N,) whether the field of view cuts it.
        implausible: (N,) whether it was below the lower volume of its schema when measured.
    """

    volume_ml: Numbers
    hu_mean: Numbers
    seen: Flags
    truncated: Flags
    implausible: Flags


def measured(database: duckdb.DuckDBPyConnection, cohort: Cohort, structure: str) -> Measured:
    """Reads one structure; nothing but its five columns is ever in memory.

    Args:
        database: in which `stats.study.selection.select_cohort` made this cohort.
        cohort: the same.
        structure: e.g. `kidney_left`.
    """
    rows = database.sql(
        """SELECT number, volume_ml, hu_mean, latest.status = 'truncated' AS truncated,
                  latest.status = 'implausible' AS implausible
           FROM latest JOIN cohort USING (series_key) WHERE structure = $structure""",
        params={"structure": structure},
    ).to_arrow_table()
    n, at = len(cohort.age_years), rows["number"].to_numpy()

    def numbers(name: str) -> Numbers:
        column = np.full(n, np.nan)
        column[at] = rows[name].to_numpy()
        return column

    def flags(name: str) -> Flags:
        column = np.zeros(n, dtype=bool)
        column[at] = rows[name].to_numpy()
        return column

    seen = np.zeros(n, dtype=bool)
    seen[at] = True
    return Measured(
        numbers("volume_ml"), numbers("hu_mean"), seen, flags("truncated"), flags("implausible")
    )


def excluded(
    rows: Measured, measure: Measure, lower_volume_ml: float, *, keep_truncated: bool = False
) -> dict[str, Flags]:
    """(N,) for each of `REASONS`: the scans that it excludes. They do not overlap.

    The volume below the cut-off of Table S1 is a failed segmentation and excludes both measures.
    A structure that leaves the field of view has no volume, yet what is seen of it has a density.

    Args:
        rows: the structure.
        measure: what is studied.
        lower_volume_ml: the cut-off; NaN excludes nothing but what was implausible already.
        keep_truncated: count the volume of what is seen of a cut structure too, as the paper does.
    """
    absent = rows.seen & ~(np.isfinite(rows.volume_ml) & np.isfinite(getattr(rows, measure)))
    failed = ((rows.volume_ml < lower_volume_ml) | rows.implausible) & ~absent
    cut = rows.truncated & ~absent & ~failed
    if keep_truncated or measure == "hu_mean":
        cut = np.zeros_like(cut)
    return dict(zip(REASONS, (~rows.seen, absent, failed, cut), strict=True))


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
