"""How structures change with age, for a report: Spearman's r_s, as the aging study counts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from segment_actor.anatomy import category_of, without_side
from stats.study.exclusions import MEASURES, Measure, excluded, measured, used_values
from stats.study.selection import MIN_SCANS, Cohort
from stats.study.tests_of_age import ALPHA, correlate


@dataclass(frozen=True, slots=True)
class AgeCorrelation:
    """Of age and one measure of one structure.

    Attributes:
        n: patients, one scan each.
        r_s: Spearman's; its 95 % interval is ci_low to ci_high.
        significant: p is below `stats.study.tests_of_age.ALPHA`.
    """

    structure: str
    measure: Measure
    n: int
    r_s: float
    ci_low: float
    ci_high: float
    p: float
    significant: bool


@dataclass(frozen=True, slots=True)
class CorrelatedPair:
    """Left and right of a structure, or one that has no sides.

    Attributes:
        name: what both have in common.
        category: organ, vessel, bone or muscle.
        sides: one or two.
        r_s: their mean.
    """

    name: str
    category: str
    sides: Sequence[AgeCorrelation]
    r_s: float


def age_correlations(
    database: duckdb.DuckDBPyConnection, cohort: Cohort
) -> Iterator[AgeCorrelation]:
    """Of all structures with enough patients of different ages; one structure in memory at a time.

    Args:
        database: in which `stats.study.selection.select_cohort` made this cohort.
        cohort: the same.
    """
    if cohort.patients < MIN_SCANS:
        return
    for structure in cohort.structures:
        found = measured(database, cohort, structure)
        for measure in MEASURES:
            values = used_values(found, measure, excluded(found, measure))
            used = np.isfinite(values)
            ages_years, values = cohort.age_years[used], values[used]
            if len(values) < MIN_SCANS or not np.ptp(values) or not np.ptp(ages_years):
                continue
            row = correlate(ages_years, values)
            r_s, low, high, p = (float(str(row[c])) for c in ("r_s", "ci_low", "ci_high", "p"))
            yield AgeCorrelation(structure, measure, len(values), r_s, low, high, p, p < ALPHA)


def pairs(correlations: Iterable[AgeCorrelation]) -> tuple[CorrelatedPair, ...]:
    """Left and right together, the highest mean r_s first.

    Args:
        correlations: of one measure.
    """
    by_name: dict[str, list[AgeCorrelation]] = {}
    for correlation in correlations:
        by_name.setdefault(without_side(correlation.structure), []).append(correlation)
    found = [
        CorrelatedPair(
            name,
            category_of(sides[0].structure),
            tuple(sides),
            float(np.mean([s.r_s for s in sides])),
        )
        for name, sides in by_name.items()
    ]
    return tuple(sorted(found, key=lambda pair: -pair.r_s))
