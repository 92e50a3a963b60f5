"""The bounds that quality control compares each structure with; the numbers are in limits.csv.

Where they come from is said in docs/reference/quality.md. A structure without a row has no bounds.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one structure, which has the same name in every schema.

    Attributes:
        upper_volume_ml: above it, a volume is implausible; None where no bound is known.
        hu_mean_low, hu_mean_high: HU outside of which a mean attenuation is implausible.
        min_largest_fraction: share that its largest piece has at least; 0 for structures that come
            in pieces by nature.
        compact: a second piece that lies apart is another organ, not the rest of a broken one.
        sides_ratio: factor by which left and right may differ in volume; None where they are not
            compared.
    """

    upper_volume_ml: float | None = None
    hu_mean_low: float = float("-inf")
    hu_mean_high: float = float("inf")
    min_largest_fraction: float = 0.0
    compact: bool = False
    sides_ratio: float | None = None


@cache
def load_limits() -> Mapping[str, Limits]:
    """Structure name to its bounds."""
    text = resources.files("stats.quality").joinpath("limits.csv").read_text(encoding="utf-8")
    return {row["structure"]: _limits(row) for row in csv.DictReader(text.splitlines())}


def _limits(row: Mapping[str, str]) -> Limits:
    upper = row["upper_volume_ml"]
    return Limits(
        upper_volume_ml=float(upper) if upper else None,
        hu_mean_low=float(row["hu_mean_low"]),
        hu_mean_high=float(row["hu_mean_high"]),
        min_largest_fraction=float(row["min_largest_fraction"]),
        compact=row["compact"] == "yes",
        sides_ratio=float(row["sides_ratio"]) if row["sides_ratio"] else None,
    )
