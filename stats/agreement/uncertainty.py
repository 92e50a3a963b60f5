"""Means with their uncertainty, one method against another, and one measurement against another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats as scipy_stats

RESAMPLES: Final = 10_000
"""Draws of a bootstrap, as many as in the paper."""

CONFIDENCE: Final = 0.95
"""Share of the draws that lie inside of an interval."""

MIN_PAIRS: Final = 6
"""Fewer pairs that differ cannot give p < 0.05, whatever they show: 2 / 2^5 is 0.0625."""

LIMITS_SD: Final = 1.96
"""Limits of agreement, in standard deviations: 95 % of normally distributed differences."""

_BATCH_VALUES: Final = 4_000_000  # drawn at once: 64 MB with their indices, however many cases

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over `n` values with its 95 % confidence interval; None where n does not suffice."""

    n: int
    mean: float | None
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Wilcoxon's signed-rank test.

    Attributes:
        pairs: number of pairs in which both have a value.
        p: two-sided probability; None with a reason.
        reason: why there is no p; None if there is one.
    """

    pairs: int
    p: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Bland and Altman (Lancet 1986): the differences of `n` pairs of measurements, in their unit.

    Attributes:
        n: pairs in which both have a value.
        bias: mean difference; None without pairs.
        limit_low: bias - 1.96 standard deviations of the differences; None for fewer than 2 pairs.
        limit_high: bias + 1.96 standard deviations.
    """

    n: int
    bias: float | None
    limit_low: float | None
    limit_high: float | None


def bootstrap_mean(values: Values, seed: int = 0, resamples: int = RESAMPLES) -> Mean:
    """The mean, with a 95 % interval by nonparametric percentile bootstrap.

    Args:
        values: (n,), one a case; NaN counts as missing.
        seed: the same seed gives the same interval.
        resamples: draws of n cases with replacement.
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return Mean(0, None, None, None)
    if known.size == 1:
        return Mean(1, float(known[0]), None, None)
    interval = scipy_stats.bootstrap(
        (known,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, _BATCH_VALUES // known.size),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Mean(known.size, float(known.mean()), float(interval.low), float(interval.high))


def mean_of_means(values: Values, seed: int = 0, resamples: int = RESAMPLES) -> Mean:
    """The mean over structures of each one's mean over cases; cases are drawn as in a bootstrap.

    Args:
        values: (cases, structures); NaN where a case lacks a structure. A structure that no drawn
            case has is left out of that draw.
        seed: the same seed gives the same interval.
        resamples: draws of whole cases with replacement.
    """
    values = values[~np.isnan(values).all(axis=1)]
    cases = len(values)
    if not cases:
        return Mean(0, None, None, None)
    mean = float(np.nanmean(_column_means(np.ones((1, cases)), values)))
    if cases == 1:
        return Mean(1, mean, None, None)
    rng = np.random.default_rng(seed)
    batch = max(1, _BATCH_VALUES // cases)
    means = np.concatenate(
        [
            np.nanmean(
                _column_means(_draw(rng, cases, min(batch, resamples - done)), values), axis=1
            )
            for done in range(0, resamples, batch)
        ]
    )
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(means, (tail, 100 - tail))
    return Mean(cases, mean, float(low), float(high))


def _draw(rng: np.random.Generator, cases: int, draws: int) -> Values:
    """(draws, cases) how often each case was drawn."""
    return rng.multinomial(cases, np.full(cases, 1 / cases), size=draws).astype(np.float64)


def _column_means(weights: Values, values: Values) -> Values:
    """(draws, structures) means of the columns, each case as often as it was drawn."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):  # 0 / 0: no drawn case has the structure
        means: Values = (weights @ np.where(known, values, 0.0)) / (weights @ known)
    return means


def signed_rank_test(ours: Values, theirs: Values) -> PairedTest:
    """Whether two methods differ on the same cases.

    Args:
        ours: (n,), NaN where there is no value.
        theirs: (n,), in the same order.
    """
    both = ~(np.isnan(ours) | np.isnan(theirs))
    pairs = int(both.sum())
    differing = int(np.count_nonzero(ours[both] != theirs[both]))
    if differing < MIN_PAIRS:
        why = f"{differing} of {pairs} pairs differ; p < 0.05 needs {MIN_PAIRS} at least"
        return PairedTest(pairs, None, why)
    p = scipy_stats.wilcoxon(ours[both], theirs[both]).pvalue
    return PairedTest(pairs, float(p), None)


def bland_altman(measured: Values, reference: Values) -> Agreement:
    """How far measurements lie from their reference.

    Args:
        measured: (n,), NaN where there is no value.
        reference: (n,), in the same order.
    """
    difference = measured - reference
    difference = difference[~np.isnan(difference)]
    if not difference.size:
        return Agreement(0, None, None, None)
    bias = float(difference.mean())
    if difference.size == 1:
        return Agreement(1, bias, None, None)
    half = LIMITS_SD * float(difference.std(ddof=1))
    return Agreement(difference.size, bias, bias - half, bias + half)
