"""Percentiles of a measurement as smooth functions of age, each with its 95 % interval.

Quantile regression (Koenker and Bassett, Econometrica 46 (1978) 33-50) on a natural cubic spline of
age. docs/reference/aging.md has the method, its sources, and how far it is from known truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from stats.study.intervals import MIN_PEOPLE_PERCENTILE, MIN_PEOPLE_REFERENCE, share_interval
from stats.study.selection import Numbers

PERCENTILES: Final = (5, 25, 50, 75, 95)

NEAR_YEARS: Final = 5.0
"""People at most so much older or younger are near."""

MAX_PEOPLE: Final = 10_000
"""Of more, so many are taken evenly: their 5th percentile at one age is good to 0.8 points."""

KNOTS: Final = (
    (0.05, 0.35, 0.65, 0.95),
    (0.05, 0.275, 0.5, 0.725, 0.95),
    (0.025, 0.1833, 0.3417, 0.5, 0.6583, 0.8167, 0.975),
)
"""Quantiles of age between which the curve bends: Harrell, Regression Modeling Strategies, 2nd ed.
2015, Table 2.3."""

_SHARES: Final = np.array(PERCENTILES) / 100.0

_LEVELS: Final = np.union1d(ndtr(np.linspace(-2.4, 2.4, 25)), _SHARES)
"""Quantiles fitted, evenly in normal deviates: the ends of the intervals lie between them. For
MIN_PEOPLE_REFERENCE people the lowest end is 0.010, the first level 0.008."""

_MAX_STEPS: Final = 100  # 12 are usual


@dataclass(frozen=True)
class Reference:
    """Curves at m whole years of age.

    Attributes:
        age_years: (m,) ascending; ages with too few people are left out.
        n_near: (m,) people at most `NEAR_YEARS` older or younger.
        percentiles: (m, 5) `PERCENTILES`, ascending.
        low: (m, 5) lower end of their 95 % interval.
        high: (m, 5) upper end.
        reason: why there is no age at all; None if there is one.
    """

    age_years: npt.NDArray[np.int64]
    n_near: npt.NDArray[np.int64]
    percentiles: Numbers
    low: Numbers
    high: Numbers
    reason: str | None = None


def smooth_reference(age_years: Numbers, values: Numbers) -> Reference:
    """Percentiles by age, at the whole years between the youngest and the oldest.

    An age is left out where fewer than `MIN_PEOPLE_PERCENTILE` are near, or where the curve is no
    surer than a percentile of fewer than `MIN_PEOPLE_REFERENCE` people would be.

    Args:
        age_years: (n,) years.
        values: (n,) volume or density, all known.
    """
    if len(values) < MIN_PEOPLE_REFERENCE:
        return _nothing(f"{len(values)} of the {MIN_PEOPLE_REFERENCE} people that are needed")
    ages = np.arange(int(np.ceil(age_years.min())), int(age_years.max()) + 1)
    near = _count_near(age_years, ages)
    sample = _spread_evenly(age_years, values)
    curves, worth = _curves(age_years[sample], values[sample], ages)
    enough = (near >= MIN_PEOPLE_PERCENTILE) & (worth >= MIN_PEOPLE_REFERENCE)
    if not enough.any():
        return _nothing("too few people of any age")
    ages, near, curves, worth = ages[enough], near[enough], curves[enough], worth[enough]
    low, high = share_interval(worth[:, None], worth[:, None] * _SHARES)
    at = np.searchsorted(_LEVELS, _SHARES)
    return Reference(ages, near, curves[:, at], _between(curves, low), _between(curves, high))


def _nothing(reason: str) -> Reference:
    none = np.empty((0, len(PERCENTILES)))
    return Reference(np.empty(0, np.int64), np.empty(0, np.int64), none, none, none, reason)


def _count_near(age_years: Numbers, ages: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    known = np.sort(age_years)
    first = np.searchsorted(known, ages - NEAR_YEARS, side="left")
    return (np.searchsorted(known, ages + NEAR_YEARS, side="right") - first).astype(np.int64)


def _spread_evenly(age_years: Numbers, values: Numbers) -> npt.NDArray[np.intp]:
    """Places of at most `MAX_PEOPLE`: every k-th by year of age and, within it, by value.

    So each year of age keeps its share and its percentiles; no chance is in it.
    """
    n = len(values)
    order = np.lexsort((values, np.floor(age_years)))
    m = min(n, MAX_PEOPLE)
    taken: npt.NDArray[np.intp] = order[((np.arange(m) + 0.5) * n / m).astype(np.intp)]
    return taken


def _curves(
    age_years: Numbers, values: Numbers, ages: npt.NDArray[np.int64]
) -> tuple[Numbers, Numbers]:
    """(m, L) `_LEVELS` at each age, ascending, and (m,) the number of people that this is worth.

    The variance of a regression quantile at an age is that of a quantile of 1 / leverage people.
    Curves that cross are sorted at each age (Chernozhukov et al., Econometrica 78 (2010) 1093).
    """
    knots = _choose_knots(age_years, values)
    # an orthogonal basis, of mean square 1, is well conditioned whatever the knots
    basis, turn = np.linalg.qr(_spline(age_years, knots))
    basis *= (root := np.sqrt(len(values)))
    at_ages = root * np.linalg.solve(turn.T, _spline(ages.astype(np.float64), knots).T).T
    weights = _fit_quantiles(basis, values, _LEVELS)
    leverage = (at_ages**2).sum(axis=1) / len(values)
    return np.sort(at_ages @ weights.T, axis=1), 1.0 / leverage


def _choose_knots(age_years: Numbers, values: Numbers) -> Numbers:
    """The best of `KNOTS` by Schwarz's criterion, over all percentiles."""
    n = len(values)

    def criterion(knots: Numbers) -> float:
        basis = np.linalg.qr(_spline(age_years, knots))[0] * np.sqrt(n)
        weights = _fit_quantiles(basis, values, _SHARES)
        rest = values - weights @ basis.T
        loss = np.where(rest > 0.0, _SHARES[:, None], _SHARES[:, None] - 1.0) * rest
        # Machado, Econometric Theory 9 (1993) 478-493
        tiny = np.finfo(float).tiny
        fit = float(np.log(np.maximum(loss.mean(axis=1), tiny)).mean())
        return fit + len(basis.T) * float(np.log(n)) / (2.0 * n)

    # nearest: each knot is the age of somebody, so that no two splines are the same on these ages
    knots = [np.unique(np.quantile(age_years, q, method="nearest")) for q in KNOTS]
    return min(knots, key=criterion)


def _spline(age_years: Numbers, knots: Numbers) -> Numbers:
    """(n, knots) natural cubic spline: straight beyond the outer knots.

    Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd ed. 2009, (5.4).
    """
    one = np.ones((len(age_years), 1))
    if len(knots) < 2:
        return one
    span = knots[-1] - knots[0]
    x, at = (age_years[:, None] - knots[0]) / span, (knots - knots[0]) / span
    cubes = np.maximum(x - at, 0.0) ** 3
    d = (cubes[:, :-1] - cubes[:, -1:]) / (at[-1] - at[:-1])
    return np.hstack([one, x, d[:, :-1] - d[:, -1:]])


def _fit_quantiles(basis: Numbers, values: Numbers, levels: Numbers) -> Numbers:
    """(L, k) weights of the basis functions for each quantile.

    The median is fitted first, from a flat line: neither it nor the quartiles around it care how
    far off an outlier is.

    Args:
        basis: (n, k) orthogonal, of mean square 1.
        values: (n,) volume or density.
        levels: (L,) 0 to 1.
    """
    one = basis.mean(axis=0)  # the weights of a flat line at 1
    flat = np.median(values) * one
    middle = _descend(basis, values, np.array([0.5]), flat[None], _spread(values))
    rest = values - basis @ middle[0]
    start = middle + np.quantile(rest, levels)[:, None] * one
    return _descend(basis, values, levels, start, _spread(rest))


def _spread(values: Numbers) -> float:
    """Standard deviation by the quartiles; where they are equal, a small part of the range."""
    low, high = np.quantile(values, (0.25, 0.75))
    return max(float(high - low) / 1.349, 1e-6 * float(np.ptp(values)), 1e-12)


def _descend(
    basis: Numbers, values: Numbers, levels: Numbers, start: Numbers, scale: float
) -> Numbers:
    """(L, k) weights that make the loss of each quantile least, from (L, k) others.

    The corner of the loss is rounded over a width that shrinks with n (convolution smoothing:
    Fernandes et al., J Bus Econ Stat 39 (2021) 338-357; width of He et al., J Econometrics 232
    (2023) 367-388, halved: with theirs the median between two peaks, those of CTs with and without
    contrast, lies outside of its interval in 12 of 100). Newton's method solves that for 30 levels
    in the time of three linear programs. It starts with a wide corner and halves it.
    """
    n, k = basis.shape
    final = scale / 2.0 * np.sqrt(levels * (1.0 - levels)) * ((k + np.log(n)) / n) ** 0.4
    width = np.maximum(final, scale / 2.0)
    weights = start.copy()
    for _ in range(_MAX_STEPS):
        z = (weights @ basis.T - values) / width[:, None]
        slope = (ndtr(z) - levels[:, None]) @ basis / n
        density = np.exp(-0.5 * z**2) / (np.sqrt(2.0 * np.pi) * width[:, None])
        curvature = np.stack([(basis.T * d) @ basis for d in density]) / n
        curvature += 1e-4 / scale * np.eye(k)  # where nobody is in the corner
        step = -np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
        change = np.abs(step @ basis.T).max(axis=1)
        # further than two widths the corner looks different from there
        weights += step * np.minimum(1.0, 2.0 * width / np.maximum(change, 1e-300))[:, None]
        if ((width <= final) & (change < 1e-3 * scale)).all():
            break
        width = np.where(change < width, np.maximum(final, width / 2.0), width)
    return weights


def _between(curves: Numbers, shares: Numbers) -> Numbers:
    """(m, 5) the curves at shares between the levels, (m, 5)."""
    deviates, fitted = ndtri(shares), ndtri(_LEVELS)
    rows = [np.interp(z, fitted, curve) for z, curve in zip(deviates, curves, strict=True)]
    return np.array(rows, dtype=np.float64)
