"""The report's part on aging: Spearman's r_s of every structure, as the aging study counts it."""

from __future__ import annotations

from typing import Any, Final

import duckdb
import numpy as np

from segment_actor.anatomy import load_schema
from stats.sql.catalogue import LABEL_SCHEMAS
from stats.study.exclusions import MEASURES, excluded, measured, used_values
from stats.study.selection import MIN_SCANS, Cohort
from stats.study.tests_of_age import ALPHA, correlate

Row = dict[str, Any]

FAIR_SCANS: Final = 30
"""Fewer scans can be correlated, but their intervals say next to nothing."""


def correlations(database: duckdb.DuckDBPyConnection, cohort: Cohort) -> list[Row]:
    """Structure, measure, n, r_s with its interval and p; one structure in memory at a time.

    Args:
        database: in which `stats.study.selection.select_cohort` made this cohort.
        cohort: the same.
    """
    rows: list[Row] = []
    for structure in cohort.structures:
        found = measured(database, cohort, structure)
        for measure in MEASURES:
            values = used_values(found, measure, excluded(found, measure))
            used = np.isfinite(values)
            ages, values = cohort.age_years[used], values[used]
            if len(values) < MIN_SCANS or not np.ptp(values) or not np.ptp(ages):
                continue
            row: Row = {"structure": structure, "measure": measure, "n": len(values)}
            row |= correlate(ages, values)
            rows.append(row | {"found": row["p"] < ALPHA})
    return rows


def ranked(rows: list[Row]) -> list[tuple[str, list[tuple[str, list[Row]]]]]:
    """By kind of structure, then the highest r_s first; left and right of a pair together.

    Args:
        rows: of one measure.
    """
    pairs: dict[str, list[Row]] = {}
    for row in rows:
        pairs.setdefault(_stem(row["structure"]), []).append(row)
    kinds: dict[str, list[tuple[str, list[Row]]]] = {}
    for stem, pair in pairs.items():
        kinds.setdefault(_kind_of(pair[0]["structure"]), []).append((stem, pair))
    for members in kinds.values():
        members.sort(key=lambda member: -float(np.mean([row["r_s"] for row in member[1]])))
    return [(kind, kinds[kind]) for kind in ("organ", "vessel", "bone", "muscle") if kind in kinds]


def _stem(structure: str) -> str:
    return structure.replace("_left", "").replace("_right", "")


def _kind_of(structure: str) -> str:
    schemas = (load_schema(name) for name in LABEL_SCHEMAS)
    return next(s.category for schema in schemas for s in schema.structures if s.name == structure)
