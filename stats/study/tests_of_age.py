"""How volume and density of a structure change with age: the numbers of the paper's aging study.

Tests and correlations are scipy's; docs/reference/aging.md has each formula with its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
from scipy import stats

from stats.study.selection import MIN_SCANS, QUARTILES, Numbers

PAIRS: Final = tuple(combinations(range(QUARTILES), 2))
"""Quartiles of age that are compared with each other, counted from 0."""

ALPHA: Final = 1e-4
"""Significant below it (paper, section 2.4 and Table S1)."""

Row = dict[str, object]


def describe(values: Numbers) -> Row:
    """Mean, standard deviation, median, and the Kolmogorov-Smirnov test of normality.

    The normal distribution compared with has the mean and standard deviation of the values.
    """
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    test = stats.kstest(values, "norm", args=(mean, sd))
    return {
        "mean": mean,
        "sd": sd,
        "median": float(np.median(values)),
        "ks_d": float(test.statistic),
        "ks_p": float(test.pvalue),
    }


def correlate(age_years: Numbers, values: Numbers) -> Row:
    """Spearman's r_s with its 95 % interval and p, and the slope of the straight line a decade."""
    result = stats.spearmanr(age_years, values)
    r_s = float(result.statistic)
    low, high = spearman_interval(r_s, len(values))
    return {
        "r_s": r_s,
        "ci_low": low,
        "ci_high": high,
        "p": float(result.pvalue),
        "slope_per_decade": 10.0 * float(stats.linregress(age_years, values).slope),
    }


def spearman_interval(r_s: float, n: int, corrected_for: int = 0) -> tuple[float, float]:
    """95 % confidence interval of Spearman's r_s of n pairs.

    Fisher's z with the variance (1 + r_s^2 / 2) / (n - 3) of Bonett and Wright, Psychometrika 65
    (2000) 23-28; n is less by one for each variable that was corrected for.
    """
    left = n - 3 - corrected_for
    if abs(r_s) >= 1.0 or left < 1:
        return r_s, r_s
    half = stats.norm.ppf(0.975) * np.sqrt((1.0 + r_s**2 / 2.0) / left)
    low, high = np.tanh(np.arctanh(r_s) + np.array([-half, half]))
    return float(low), float(high)


def correlate_adjusted(age_years: Numbers, values: Numbers, confounders: Numbers) -> Row:
    """Partial Spearman correlation: of what confounders leave unexplained of the ranks.

    Ranks of age and values, less the linear prediction from the ranks of the confounders, are
    correlated; p is Student's with n - 2 - k degrees of freedom.

    Args:
        age_years: (n,) years.
        values: (n,) volume or density.
        confounders: (n, k) numbers; rows with NaN are left out.
    """
    known = np.isfinite(confounders).all(axis=1)
    n = int(known.sum())
    ranks = stats.rankdata(np.column_stack([age_years, values, confounders])[known], axis=0)
    design = np.column_stack([np.ones(n), ranks[:, 2:]])
    k = int(np.linalg.matrix_rank(design)) - 1 if n else 0
    if n - 2 - k < MIN_SCANS - 2:
        return {"n_adjusted": n}
    rest = ranks[:, :2] - design @ np.linalg.lstsq(design, ranks[:, :2])[0]
    if rest.std(axis=0).min() < 1e-9 * n:  # age or values are a function of the confounders
        return {"n_adjusted": n}
    r_s = float(stats.pearsonr(rest[:, 0], rest[:, 1]).statistic)
    t = r_s * np.sqrt((n - 2 - k) / max(1.0 - r_s**2, np.finfo(float).tiny))
    low, high = spearman_interval(r_s, n, corrected_for=k)
    return {
        "n_adjusted": n,
        "r_s_adjusted": r_s,
        "adjusted_ci_low": low,
        "adjusted_ci_high": high,
        "p_adjusted": 2.0 * float(stats.t.sf(abs(t), n - 2 - k)),
    }


def compare_quartiles(values: Numbers, quartile: np.ndarray) -> Row:
    """Kruskal-Wallis over the quartiles of age, and the rank-sum test of each pair.

    Args:
        values: (n,) volume or density.
        quartile: (n,) 0 to 3.
    """
    groups = [values[quartile == q] for q in range(QUARTILES)]
    row: Row = {}
    for q, group in enumerate(groups, start=1):
        row[f"q{q}_n"] = len(group)
        row[f"q{q}_median"] = float(np.median(group)) if len(group) else None
    if any(len(group) == 0 for group in groups):
        return row
    test = stats.kruskal(*groups)
    row |= {"kruskal_h": float(test.statistic), "kruskal_p": float(test.pvalue)}
    for a, b in PAIRS:
        pair = stats.mannwhitneyu(groups[a], groups[b], alternative="two-sided")
        row[f"p_q{a + 1}_q{b + 1}"] = float(pair.pvalue)
    return row


def study(age_years: Numbers, values: Numbers, quartile: np.ndarray, confounders: Numbers) -> Row:
    """Everything about one structure and measure; a note says why something is missing.

    Args:
        age_years: (n,) years.
        values: (n,) volume or density, all known.
        quartile: (n,) 0 to 3.
        confounders: (n, k) numbers, k may be 0.
    """
    n = len(values)
    if n < MIN_SCANS:
        return {"note": f"{n} of the {MIN_SCANS} scans that are needed"}
    if np.ptp(values) == 0.0 or np.ptp(age_years) == 0.0:
        return {"note": "all values or all ages are the same"}
    row = describe(values) | correlate(age_years, values) | compare_quartiles(values, quartile)
    if confounders.shape[1]:
        row |= correlate_adjusted(age_years, values, confounders)
    if "kruskal_p" not in row:
        row["note"] = "a quartile of age has no scan"
    return row


def judge(row: Row, tests: int, alpha: float) -> Row:
    """Bonferroni's correction and the verdicts.

    Args:
        row: of `study`.
        tests: how many structures, measures and sexes are tested.
        alpha: a p-value below it is significant (paper). Bonferroni is over `tests`, and over the
            pairs too for the rank-sum tests; a pair is significant if also its corrected p is
            below 0.05, which alpha alone does not ensure for six times as many tests.
    """

    def corrected(name: str, times: int) -> float | None:
        p = row.get(name)
        return min(1.0, p * times) if isinstance(p, float) else None

    def below(p: object, bound: float) -> bool | None:
        return p < bound if isinstance(p, float) else None

    pairs = {f"Q{a + 1}-Q{b + 1}": f"p_q{a + 1}_q{b + 1}" for a, b in PAIRS}
    differ = [
        name
        for name, column in pairs.items()
        if below(row.get(column), alpha) and below(corrected(column, tests * len(PAIRS)), 0.05)
    ]
    return {
        "p_bonferroni": corrected("p", tests),
        "correlated": below(row.get("p"), alpha),
        "kruskal_p_bonferroni": corrected("kruskal_p", tests),
        "significant": below(row.get("kruskal_p"), alpha),
        "significant_pairs": " ".join(differ) if "p_q1_q2" in row else None,
    }


def stack_confounders(confounders: Sequence[Numbers], n: int) -> Numbers:
    """(n, k) of all confounders together."""
    return np.column_stack([np.empty((n, 0)), *confounders])
