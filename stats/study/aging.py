"""The aging study of a cohort, structure by structure, as rows of two tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from stats.study.candidates import FlowStep
from stats.study.exclusions import (
    MEASURES,
    STEPS,
    UNITS,
    Measure,
    Measured,
    excluded,
    in_words,
    measured,
    used_values,
)
from stats.study.reference_curves import PERCENTILES, smooth_reference
from stats.study.selection import QUARTILES, Cohort, Flags, Numbers, Stratum
from stats.study.tests_of_age import (
    ALPHA,
    PAIRS,
    Row,
    judge,
    not_testable,
    stack_confounders,
    study,
)

_TEXT, _COUNT, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()

AGING: Final = pa.schema(
    [
        ("structure", _TEXT), ("measure", _TEXT), ("unit", _TEXT), ("sex", _TEXT),
        ("n", _COUNT), ("excluded", _COUNT),
        *((f"excluded_{reason}", _COUNT) for reason in STEPS),
        ("excluded_reasons", _TEXT), ("lower_volume_ml", _NUMBER),
        ("mean", _NUMBER), ("sd", _NUMBER), ("median", _NUMBER),
        ("ks_d", _NUMBER), ("ks_p", _NUMBER),
        ("r_s", _NUMBER), ("ci_low", _NUMBER), ("ci_high", _NUMBER), ("p", _NUMBER),
        ("p_bonferroni", _NUMBER), ("correlated", _FLAG), ("slope_per_decade", _NUMBER),
        ("adjusted_for", _TEXT), ("n_adjusted", _COUNT), ("r_s_adjusted", _NUMBER),
        ("adjusted_ci_low", _NUMBER), ("adjusted_ci_high", _NUMBER), ("p_adjusted", _NUMBER),
        ("kruskal_h", _NUMBER), ("kruskal_p", _NUMBER), ("kruskal_p_bonferroni", _NUMBER),
        ("significant", _FLAG), ("alpha", _NUMBER), ("correction", _TEXT),
        *((f"age_bound_{q}", _NUMBER) for q in range(1, QUARTILES)),
        *((f"q{q}_n", _COUNT) for q in range(1, QUARTILES + 1)),
        *((f"q{q}_median", _NUMBER) for q in range(1, QUARTILES + 1)),
        *((f"p_q{a + 1}_q{b + 1}", _NUMBER) for a, b in PAIRS),
        ("significant_pairs", _TEXT), ("note", _TEXT),
    ]
)  # fmt: skip
"""One row a structure, measure and stratum of sex. Unknown is NULL; `note` says why."""

REFERENCE: Final = pa.schema(
    [
        ("structure", _TEXT), ("measure", _TEXT), ("unit", _TEXT), ("sex", _TEXT),
        ("age_years", _COUNT), ("n", _COUNT),
        *((f"p{p:02d}{end}", _NUMBER) for p in PERCENTILES for end in ("", "_low", "_high")),
    ]
)  # fmt: skip
"""One row a structure, measure, sex and year of age with enough people; `n` of them are at most 5
years older or younger, each percentile lies between `_low` and `_high` with 95 % confidence."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of each structure.

    Attributes:
        strata: sexes that are studied apart, or all together.
        alpha: a p-value below it is significant.
        keep_truncated: whether volumes count of structures that the field of view cuts.
    """

    strata: Sequence[Stratum] = ("all",)
    alpha: float = ALPHA
    keep_truncated: bool = False


@dataclass(frozen=True)
class Studied:
    """One structure: its rows of both tables, and what they were computed from.

    Attributes:
        structure: its name.
        rows: of `AGING`.
        reference: of `REFERENCE`.
        values: (M,) of each measure in the cohort's order, of one scan a patient; NaN elsewhere.
    """

    structure: str
    rows: list[Row]
    reference: list[Row]
    values: Mapping[Measure, Numbers]


def run_study(
    database: duckdb.DuckDBPyConnection, cohort: Cohort, question: Question
) -> Iterator[Studied]:
    """Studies one structure after the other; those that no scan was segmented for are left out.

    Args:
        database: in which `stats.study.selection.select_cohort` made this cohort.
        cohort: the same.
        question: strata and level.
    """
    tests = _count_tests(database, cohort, question)
    for structure, lower_volume_ml in cohort.structures.items():
        found = measured(database, cohort, structure)
        if found.segmented.any():
            studied = _studied(cohort, question, structure, found, lower_volume_ml)
            rows = [row | judge(row, tests, question.alpha) for row in studied.rows]
            yield replace(studied, rows=rows)


def _count_tests(database: duckdb.DuckDBPyConnection, cohort: Cohort, question: Question) -> int:
    """How many tests will be made, which each of them is corrected for.

    Each structure is read once more, as the values of all do not fit in memory.
    """
    tests = 0
    for structure in cohort.structures:
        found = measured(database, cohort, structure)
        for measure in MEASURES:
            faults = excluded(found, measure, keep_truncated=question.keep_truncated)
            values = used_values(found, measure, faults)
            for sex in question.strata:
                used = np.isfinite(values) & cohort.of(sex)
                tests += not_testable(cohort.age_years[used], values[used]) is None
    return tests


def structure_flow(rows: Sequence[Row]) -> list[FlowStep]:
    """How many measurements of volume were left out, over all structures and strata.

    Args:
        rows: of `AGING`.
    """
    volumes = [row for row in rows if row["measure"] == "volume_ml"]

    def total(column: str) -> int:
        return sum(int(str(row[column])) for row in volumes)

    left = total("n") + total("excluded")
    steps = [FlowStep("structures of these scans", "structures", 0, left)]
    for reason, sentence in STEPS.items():
        left -= (count := total(f"excluded_{reason}"))
        steps.append(FlowStep(sentence, "structures", count, left))
    return steps


def three_strongest(
    known: Sequence[tuple[Studied, Measure]], studied: Studied, sex: Stratum
) -> list[tuple[Studied, Measure]]:
    """The three measures with the largest |r_s| of those known and of one more structure.

    Of a pair, of all ribs or of all vertebrae only the strongest is taken.

    Args:
        known: of the structures before, at most three.
        studied: the next structure.
        sex: the stratum whose r_s is meant.
    """

    def strength(candidate: tuple[Studied, Measure]) -> float:
        of, measure = candidate
        mine = [row for row in of.rows if (row["measure"], row["sex"]) == (measure, sex)]
        found = [row.get("r_s") for row in mine]
        return max((abs(r) for r in found if isinstance(r, float)), default=0.0)

    best: dict[str, tuple[Studied, Measure]] = {}
    for candidate in sorted([*known, *((studied, m) for m in studied.values)], key=strength):
        if strength(candidate) > 0.0:
            best[_without_number(candidate[0].structure)] = candidate
    return sorted(best.values(), key=strength, reverse=True)[:3]


def _without_number(structure: str) -> str:
    """What all of a kind have in common: `rib` of `rib_left_5`, `vertebrae` of `vertebrae_L4`."""
    return re.sub("_(left|right|[CTLS]?[0-9]+)", "", structure)


def _studied(
    cohort: Cohort, question: Question, structure: str, found: Measured, lower_volume_ml: float
) -> Studied:
    rows: list[Row] = []
    reference: list[Row] = []
    values: dict[Measure, Numbers] = {}
    for measure in MEASURES:
        faults = excluded(found, measure, keep_truncated=question.keep_truncated)
        values[measure] = numbers = used_values(found, measure, faults)
        used = np.isfinite(numbers)
        name: Row = {"structure": structure, "measure": measure, "unit": UNITS[measure]}
        for sex in question.strata:
            row = name | {"sex": sex, "lower_volume_ml": _known(lower_volume_ml)}
            row |= _left_out(faults, cohort.of(sex), lower_volume_ml)
            rows.append(row | _row(cohort, numbers, used & cohort.of(sex)))
        for sex in ("all", "M", "F"):
            reference += [name | row for row in _curve(cohort, numbers, used, sex)]
    return Studied(structure, rows, reference, values)


def _left_out(faults: Mapping[str, Flags], stratum: Flags, lower_volume_ml: float) -> Row:
    counts = {reason: int((fault & stratum).sum()) for reason, fault in faults.items()}
    return {
        "excluded": sum(counts.values()),
        **{f"excluded_{reason}": count for reason, count in counts.items()},
        "excluded_reasons": in_words(counts, lower_volume_ml),
    }


def _row(cohort: Cohort, numbers: Numbers, used: Flags) -> Row:
    row: Row = {"n": int(used.sum())}
    row |= {f"age_bound_{q}": float(b) for q, b in enumerate(cohort.age_bounds_years, start=1)}
    confounders, notes = _confounders(cohort, used)
    row["adjusted_for"] = " ".join(confounders) or None
    stacked = stack_confounders(list(confounders.values()), int(used.sum()))
    row |= study(cohort.age_years[used], numbers[used], cohort.quartile[used], stacked)
    row["note"] = "; ".join(str(note) for note in (row.get("note"), *notes) if note) or None
    return row


def _confounders(cohort: Cohort, used: Flags) -> tuple[dict[str, Numbers], list[str]]:
    """Those that differ among the patients used, and what is to be said of them.

    A value that is not known leaves its patient out of the correction, and what is the same in
    everybody corrects nothing: neither may look like a correction of all.
    """
    differing, notes = {}, []
    for name, numbers in cohort.confounders.items():
        mine = numbers[used]
        known = np.isfinite(mine).all(axis=1)
        if not known.all():
            notes.append(f"{name} is known of {known.sum()} of {len(mine)}")
        if known.any() and np.ptp(mine[known], axis=0).any():
            differing[name] = mine
        elif known.any():
            notes.append(f"{name} is the same in all of whom it is known: not corrected for")
    return differing, notes


def _curve(cohort: Cohort, numbers: Numbers, used: Flags, sex: Stratum) -> Iterator[Row]:
    people = used & cohort.of(sex)
    curve = smooth_reference(cohort.age_years[people], numbers[people])
    for age_years, n, *of_age in zip(
        curve.age_years, curve.n_near, curve.percentiles, curve.low, curve.high, strict=True
    ):
        row: Row = {"sex": sex, "age_years": int(age_years), "n": int(n)}
        for end, values in zip(("", "_low", "_high"), of_age, strict=True):
            row |= {f"p{p:02d}{end}": float(v) for p, v in zip(PERCENTILES, values, strict=True)}
        yield row


def _known(number: float) -> float | None:
    return None if np.isnan(number) else number
