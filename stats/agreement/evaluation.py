"""Predicted label maps against true ones: one row a case and structure, and what all cases say.

The tables are built from rows of one case and structure, so nothing here sees a label map after its
case is done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from segment_actor.anatomy import Schema
from segment_actor.volume import LabelArray, SpacingMm
from stats.agreement.overlap import count_overlap, dice_from_overlap
from stats.agreement.surface import TOLERANCE_MM, nsd_per_structure
from stats.agreement.uncertainty import (
    Mean,
    Values,
    bland_altman,
    bootstrap_mean,
    mean_of_means,
    signed_rank_test,
)

MEASURES: Final = ("dice", "nsd")

AGAINST: Final = "_against"
"""Ends the names of what belongs to the second set of predictions."""


@dataclass(frozen=True, slots=True)
class ComparisonSettings:
    """How label maps are compared.

    Attributes:
        schema: names and ids of the structures in all label maps.
        tolerance_mm: surfaces not farther apart than this agree (normalized surface distance).
    """

    schema: Schema
    tolerance_mm: float = TOLERANCE_MM


def compare_case(
    case: str,
    truth: LabelArray,
    predicted: LabelArray,
    spacing_mm: SpacingMm,
    settings: ComparisonSettings,
) -> pd.DataFrame:
    """One row a structure of the schema: case, structure, dice, nsd, truth_ml, predicted_ml.

    Args:
        case: its name in the rows.
        truth: (I, J, K) uint8, the reference.
        predicted: (I, J, K) uint8 on the same grid.
        spacing_mm: voxel size of that grid along I, J, K.
        settings: schema and tolerance.
    """
    schema = settings.schema
    found = count_overlap(truth, predicted)
    nsd = nsd_per_structure(truth, predicted, spacing_mm, schema, settings.tolerance_mm)
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    ids = [s.id for s in schema.structures]
    columns = {
        "case": case,
        "structure": schema.names,
        "dice": pd.array(list(dice_from_overlap(found, schema).values()), dtype="float64"),
        "nsd": pd.array([nsd[name] for name in schema.names], dtype="float64"),
        "truth_ml": found.truth[ids] * voxel_ml,
        "predicted_ml": found.predicted[ids] * voxel_ml,
    }
    return pd.DataFrame(columns)


def with_second_prediction(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The rows of one case with columns of another prediction added, named `*_against`."""
    added = second[["structure", "dice", "nsd", "predicted_ml"]].add_suffix(AGAINST)
    added = added.rename(columns={f"structure{AGAINST}": "structure"})
    return first.merge(added, on="structure", validate="one_to_one")


def common_structures(cases: pd.DataFrame) -> list[str]:
    """Structures that the truth, the prediction and the other prediction each have in some case."""
    volumes = ["truth_ml", "predicted_ml", f"predicted_ml{AGAINST}"]
    present = (cases[volumes] > 0).groupby(cases["structure"], sort=False).any().all(axis=1)
    return [str(name) for name in present.index[present]]


def evaluate_structures(
    cases: pd.DataFrame, structures: Sequence[str], seed: int = 0
) -> pd.DataFrame:
    """One row a structure: means with 95 % intervals, volumes, and a test against the second set.

    A case counts for a structure if the truth has it.

    Args:
        cases: rows of `compare_case`, of all cases, with or without a second set.
        structures: names, in the order of the result.
        seed: starts the bootstrap's draws; the same seed gives the same intervals.
    """
    of = dict(iter(cases.groupby("structure", sort=False)))
    return pd.DataFrame([_structure_row(name, of[name], seed) for name in structures])


def summarize(cases: pd.DataFrame, structures: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """All structures together, for each measure in both orders of averaging.

    Intervals are over cases. `mean_over` "cases": the mean over the structures of a case, then over
    cases; the test is of these. "structures": the mean over the cases that have a structure, then
    over structures (the order of TotalSegmentator's resources/evaluate.py).
    """
    chosen = cases[cases["structure"].isin(structures)]
    rows: list[dict[str, object]] = []
    for measure in MEASURES:
        sets = [s for s in ("", AGAINST) if measure + s in cases]
        values = {s: _case_by_structure(chosen, measure + s) for s in sets}
        by_case = {s: _row_means(v) for s, v in values.items()}
        head: dict[str, object] = {
            "measure": measure,
            "n_structures": int((~np.isnan(values[""])).any(axis=0).sum()),
        }
        over_cases: dict[str, object] = {
            **head,
            "mean_over": "cases",
            "n_cases": _count(by_case[""]),
        }
        over_structures: dict[str, object] = {**over_cases, "mean_over": "structures"}
        for s in sets:
            over_cases |= _mean("", bootstrap_mean(by_case[s], seed), s)
            over_structures |= _mean("", mean_of_means(values[s], seed), s)
        if AGAINST in sets:
            over_cases |= _test("", by_case[""], by_case[AGAINST])
        rows += [over_cases, over_structures]
    return pd.DataFrame(rows)


def _structure_row(name: str, rows: pd.DataFrame, seed: int) -> dict[str, object]:
    shown = rows[rows["truth_ml"] > 0]
    row: dict[str, object] = {
        "structure": name,
        "n": len(shown),
        "missed": int((shown["predicted_ml"] == 0).sum()),
        "only_predicted": int(((rows["truth_ml"] == 0) & (rows["predicted_ml"] > 0)).sum()),
    }
    for s in (s for s in ("", AGAINST) if f"dice{s}" in rows):
        for measure in MEASURES:
            row |= _mean(f"{measure}_", bootstrap_mean(_values(shown, measure + s), seed), s)
        volumes = bland_altman(_values(shown, f"predicted_ml{s}"), _values(shown, "truth_ml"))
        row[f"volume_bias_ml{s}"] = _number(volumes.bias)
        row[f"loa_low_ml{s}"] = _number(volumes.limit_low)
        row[f"loa_high_ml{s}"] = _number(volumes.limit_high)
    if f"dice{AGAINST}" in rows:
        for measure in MEASURES:
            theirs = _values(shown, measure + AGAINST)
            row |= _test(f"{measure}_", _values(shown, measure), theirs)
    return row


def _mean(prefix: str, mean: Mean, suffix: str) -> dict[str, float]:
    return {
        f"{prefix}mean{suffix}": _number(mean.mean),
        f"{prefix}ci_low{suffix}": _number(mean.ci_low),
        f"{prefix}ci_high{suffix}": _number(mean.ci_high),
    }


def _test(prefix: str, ours: Values, theirs: Values) -> dict[str, object]:
    test = signed_rank_test(ours, theirs)
    return {
        f"{prefix}wilcoxon_p": _number(test.p),
        f"{prefix}wilcoxon_reason": test.reason,
    }


def _number(value: float | None) -> float:
    """NaN is what pandas writes as an empty field of CSV and as NULL of Parquet."""
    return float("nan") if value is None else value


def _values(rows: pd.DataFrame, column: str) -> Values:
    return np.asarray(rows[column], dtype=np.float64)


def _case_by_structure(cases: pd.DataFrame, column: str) -> Values:
    return np.asarray(cases.pivot(index="case", columns="structure", values=column), np.float64)


def _row_means(values: Values) -> Values:
    """(cases,) means over the structures that each case has; NaN for one that has none."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):  # 0 / 0 is that NaN
        means: Values = np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)
    return means


def _count(values: Values) -> int:
    return int((~np.isnan(values)).sum())


def evaluate_kinds(cases: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Dice and NSD with left and right, all ribs and all vertebrae taken together, as in Figure S1.

    The value of a case is the mean over the structures of the kind that its truth shows.
    """
    kinds = cases["structure"].map(kind_of)
    means = cases.groupby([kinds.rename("kind"), "case"], sort=False)[list(MEASURES)].mean()
    rows: list[dict[str, object]] = []
    for kind, of_kind in means.groupby(level="kind", sort=False):
        row: dict[str, object] = {"kind": kind, "n": _count(_values(of_kind, "dice"))}
        for measure in MEASURES:
            row |= _mean(f"{measure}_", bootstrap_mean(_values(of_kind, measure), seed), "")
        rows.append(row)
    return pd.DataFrame(rows)


def kind_of(structure: str) -> str:
    """`rib` for `rib_left_5`, `vertebrae` for `vertebrae_L1`, `kidney` for `kidney_left`."""
    return re.sub(r"^(rib|vertebrae)_.*|_(left|right)(?=_|$)", r"\1", structure)
