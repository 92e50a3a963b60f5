"""How volume and density of a structure change with age: the numbers of the paper's aging study.

Tests and correlations are scipy's; docs/reference/aging.md has each formula with its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
from scipy import stats
from scipy.special import gammaln

from stats.study.selection import MIN_SCANS, QUARTILES, Numbers

PAIRS: Final = tuple(combinations(range(QUARTILES), 2))
"""Quartiles of age that are compared with each other, counted from 0."""

ALPHA: Final = 1e-4
"""Significant below it (paper, section 2.4 and Table S1)."""

FAMILY_ALPHA: Final = 0.05
"""And the p-value corrected for all tests below this: the chance of a single false finding."""

FEW_SCANS: Final = 20
"""With fewer, p is approximate: 0.00009 of r_s is told as 0.00005 for 20 patients, and 0.00005 as
0.000007 for 10, counted on 3 million orders."""

_LILLIEFORS: Final = {
    0.3145: 0.999, 0.363: 0.99, 0.417: 0.95, 0.451: 0.9, 0.498: 0.8, 0.536: 0.7, 0.571: 0.6,
    0.606: 0.5, 0.644: 0.4, 0.687: 0.3, 0.741: 0.2, 0.823: 0.1,
}  # fmt: skip
"""D (sqrt n - 0.01 + 0.85 / sqrt n) to p. The modification is of Stephens, J Am Stat Assoc 69
(1974) 730-737, whose table ends at 0.15; counted on 200,000 normal samples of 100."""

Row = dict[str, object]


def describe(values: Numbers) -> Row:
    """Mean, standard deviation, median, and the test of normality of Kolmogorov and Smirnov.

    The normal distribution compared with has the mean and standard deviation of the values, so p is
    that of Lilliefors.
    """
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    ks_d = float(stats.kstest(values, "norm", args=(mean, sd)).statistic)
    return {
        "mean": mean,
        "sd": sd,
        "median": float(np.median(values)),
        "ks_d": ks_d,
        "ks_p": lilliefors_p(ks_d, len(values)),
    }


def lilliefors_p(ks_d: float, n: int) -> float:
    """Probability of so large a distance from the normal distribution fitted to n normal values.

    Up to 0.1 by Dallal and Wilkinson, Am Stat 40 (1986) 294-296, above by a table. Right to a tenth
    of itself from 8 to 1,000 values; of 10,000 a p of 0.05 is told as 0.06.

    Args:
        ks_d: largest distance between both distribution functions.
        n: values, at least 5.
    """
    d, m = (ks_d, n) if n <= 100 else (ks_d * (n / 100.0) ** 0.49, 100)
    p = np.exp(
        -7.01256 * d**2 * (m + 2.78019)
        + 2.99587 * d * np.sqrt(m + 2.78019)
        - 0.122119
        + 0.974598 / np.sqrt(m)
        + 1.67997 / m
    )
    if p < 0.1:
        return float(p)
    modified = ks_d * (np.sqrt(n) - 0.01 + 0.85 / np.sqrt(n))
    return float(np.interp(modified, list(_LILLIEFORS), list(_LILLIEFORS.values())))


def correlate(age_years: Numbers, values: Numbers) -> Row:
    """Spearman's r_s with its 95 % interval and p, and the slope of the straight line a decade.

    p is Student's, but no less than that of a perfect order: two of n! orders.
    """
    result = stats.spearmanr(age_years, values)
    r_s = float(result.statistic)
    low, high = spearman_interval(r_s, len(values))
    return {
        "r_s": r_s,
        "ci_low": low,
        "ci_high": high,
        "p": max(float(result.pvalue), 2.0 * float(np.exp(-gammaln(len(values) + 1)))),
        "slope_per_decade": 10.0 * float(stats.linregress(age_years, values).slope),
    }


def spearman_interval(r_s: float, n: int, corrected_for: int = 0) -> tuple[float, float]:
    """95 % confidence interval of Spearman's r_s of n pairs.

    Fisher's z with the variance (1 + r_s^2 / 2) / (n - 3) of Bonett and Wright, Psychometrika 65
    (2000) 23-28; n is less by one for each variable that was corrected for. A perfect order has no
    z: the interval is that of half a step below it, where one step exchanges two neighbours. With
    too few pairs every correlation is possible.
    """
    left = n - 3 - corrected_for
    if left < 1:
        return -1.0, 1.0
    most = 1.0 - 6.0 / (n * (n**2 - 1.0))
    r = float(np.clip(r_s, -most, most))
    half = stats.norm.ppf(0.975) * np.sqrt((1.0 + r**2 / 2.0) / left)
    low, high = np.tanh(np.arctanh(r) + np.array([-half, half]))
    return min(float(low), r_s), max(float(high), r_s)


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
    """Everything about one structure and measure; a note says what is missing or approximate.

    Args:
        age_years: (n,) years.
        values: (n,) volume or density, all known.
        quartile: (n,) 0 to 3.
        confounders: (n, k) numbers, k may be 0.
    """
    if why := not_testable(age_years, values):
        return {"note": why}
    row = describe(values) | correlate(age_years, values) | compare_quartiles(values, quartile)
    if confounders.shape[1]:
        row |= correlate_adjusted(age_years, values, confounders)
    if len(values) < FEW_SCANS:
        row["note"] = f"p-values of fewer than {FEW_SCANS} patients are approximate"
    if "kruskal_p" not in row:
        row["note"] = "a quartile of age has no scan"
    return row


def not_testable(age_years: Numbers, values: Numbers) -> str | None:
    """Why nothing is tested; None if it can be.

    Args:
        age_years: (n,) years.
        values: (n,) volume or density, all known.
    """
    if len(values) < MIN_SCANS:
        return f"{len(values)} of the {MIN_SCANS} patients that are needed"
    if np.ptp(values) == 0.0 or np.ptp(age_years) == 0.0:
        return "all values or all ages are the same"
    return None


def judge(row: Row, tests: int, alpha: float) -> Row:
    """Bonferroni's correction and the verdicts of one row.

    A result is significant if p is below alpha, as in the paper, and p times the number of tests
    below `FAMILY_ALPHA`, which alpha alone does not ensure for every alpha and number of tests.

    Args:
        row: of `study`.
        tests: how many structures, measures and sexes were tested. The rank-sum tests are six times
            as many.
        alpha: a p-value below it may be significant.
    """

    def corrected(name: str, times: int) -> float | None:
        p = row.get(name)
        return min(1.0, p * times) if isinstance(p, float) else None

    def significant(name: str, times: int) -> bool | None:
        p, of_all = row.get(name), corrected(name, times)
        if not isinstance(p, float) or of_all is None:
            return None
        return p < alpha and of_all < FAMILY_ALPHA

    pairs = {f"Q{a + 1}-Q{b + 1}": f"p_q{a + 1}_q{b + 1}" for a, b in PAIRS}
    differ = [name for name, column in pairs.items() if significant(column, tests * len(PAIRS))]
    return {
        "alpha": alpha,
        "correction": f"bonferroni over {tests} tests" if tests > 1 else "none",
        "p_bonferroni": corrected("p", tests),
        "correlated": significant("p", tests),
        "kruskal_p_bonferroni": corrected("kruskal_p", tests),
        "significant": significant("kruskal_p", tests),
        "significant_pairs": " ".join(differ) if "p_q1_q2" in row else None,
    }


def stack_confounders(confounders: Sequence[Numbers], n: int) -> Numbers:
    """(n, k) of all confounders together."""
    return np.column_stack([np.empty((n, 0)), *confounders])
