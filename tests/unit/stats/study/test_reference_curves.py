"""Reference curves are near to known truth, nearer than counting in a window, and know how near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.interpolate import CubicSpline
from scipy.optimize import linprog

from stats.study.reference_curves import MAX_PEOPLE, PERCENTILES, Reference, smooth_reference

SHARES = np.array(PERCENTILES) / 100
YEARS = np.array([30, 50, 70])


def _spread(age_years: np.ndarray) -> np.ndarray:
    return 2 + 0.12 * age_years


def _cohort(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Ages, and ml of an aorta: it widens, and the older, the more it differs; gamma, of skew 1."""
    rng = np.random.default_rng([seed, n])
    ages = np.floor(rng.uniform(18, 100, n))
    return ages, 20 + 0.45 * ages + _spread(ages) * rng.gamma(4.0, 0.5, n)


def _truth(years: np.ndarray) -> np.ndarray:
    deviate = stats.gamma.ppf(SHARES, 4, scale=0.5)
    truth: np.ndarray = (20 + 0.45 * years)[:, None] + _spread(years)[:, None] * deviate
    return truth


def _window(ages: np.ndarray, values: np.ndarray) -> np.ndarray:
    near = [values[np.abs(ages - year) <= 5] for year in YEARS]
    return np.array([np.percentile(v, PERCENTILES) for v in near])


def _at(curve: Reference, years: np.ndarray, rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = rows[np.searchsorted(curve.age_years, years)]
    return found


def test_the_error_is_at_most_seven_tenths_of_that_of_a_window() -> None:
    error, window = [], []
    for seed in range(40):
        ages, values = _cohort(seed, 600)
        curve = smooth_reference(ages, values)
        error.append(_at(curve, YEARS, curve.percentiles) - _truth(YEARS))
        window.append(_window(ages, values) - _truth(YEARS))
    ratio = np.sqrt(np.mean(np.square(error), axis=0) / np.mean(np.square(window), axis=0))
    assert ratio[:, [0, 2, 4]].mean() <= 0.70
    assert ratio.max() <= 0.85


@pytest.mark.parametrize("n", [350, 1500])
def test_95_of_100_intervals_hold_the_true_percentile(n: int) -> None:
    held = []
    for seed in range(40):
        curve = smooth_reference(*_cohort(seed, n))
        truth = _truth(curve.age_years)
        held.append(((curve.low <= truth) & (truth <= curve.high)).mean(axis=0))
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)
    assert 0.88 <= np.mean(held, axis=0).min() <= np.mean(held, axis=0).max() <= 0.99


def _contrast(rng: np.random.Generator, n: int) -> np.ndarray:
    """HU of an aorta, in 45 of 100 CTs with contrast agent."""
    values: np.ndarray = np.where(
        rng.random(n) < 0.45, rng.normal(180, 40, n), rng.normal(45, 8, n)
    )
    return values


def test_a_median_between_two_peaks_is_found() -> None:
    rng, held = np.random.default_rng(4), []
    truth = np.median(_contrast(rng, 1_000_000))
    for _ in range(60):
        curve = smooth_reference(np.floor(rng.uniform(18, 100, 600)), _contrast(rng, 600))
        held.append((curve.low[30, 2] <= truth) & (truth <= curve.high[30, 2]))
    assert sum(held) >= 52


def _natural_spline(ages: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """(n, knots) scipy's, one that is 1 at each knot in turn; straight on beyond the outer two."""
    spline = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    inside = np.clip(ages, knots[0], knots[-1])
    basis: np.ndarray = spline(inside) + spline(inside, 1) * (ages - inside)[:, None]
    return basis


def _linear_program(basis: np.ndarray, values: np.ndarray, share: float) -> np.ndarray:
    """Koenker and Bassett's problem as they wrote it: weights, residuals above, residuals below."""
    n, k = basis.shape
    cost = np.r_[np.zeros(k), np.full(n, share), np.full(n, 1 - share)]
    equal = np.hstack([basis, np.eye(n), -np.eye(n)])
    bounds = [(None, None)] * k + [(0, None)] * (2 * n)
    weights: np.ndarray = linprog(cost, A_eq=equal, b_eq=values, bounds=bounds).x[:k]
    return weights


def test_the_curve_is_the_regression_quantile_of_a_linear_program() -> None:
    ages, values = _cohort(8, 400)
    knots = np.quantile(ages, [0.05, 0.35, 0.65, 0.95], method="nearest")
    curve = smooth_reference(ages, values)
    basis, at = _natural_spline(ages, knots), _natural_spline(curve.age_years, knots)
    expected = [at @ _linear_program(basis, values, share) for share in SHARES]
    apart = np.abs(curve.percentiles - np.transpose(expected)) / (curve.high - curve.low)
    # a rounded corner moves a curve by a small part of its own uncertainty
    assert apart.max() < 0.2
    assert apart.mean() < 0.04


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(250, 700), st.sampled_from(["aorta", "ties", "outliers"])
)
def test_curves_never_cross_and_lie_in_their_intervals(seed: int, n: int, kind: str) -> None:
    ages, values = _cohort(seed, n)
    if kind == "ties":
        values = np.round(values / 20) * 20
    if kind == "outliers":
        values[:3] = 1e5
    curve = smooth_reference(ages, values)
    assert (np.diff(curve.percentiles) >= 0).all()
    assert (curve.low <= curve.percentiles).all()
    assert (curve.percentiles <= curve.high).all()
    assert (curve.reason is None) == (len(curve.age_years) > 0)


def test_three_absurd_values_do_not_move_a_curve() -> None:
    ages, values = _cohort(1, 600)
    before = smooth_reference(ages, values)
    values[:3] = 1e5
    after = smooth_reference(ages, values)
    moved = np.abs(after.percentiles - before.percentiles)[:, :4]
    assert moved.max() < 0.1 * np.ptp(before.percentiles[:, [1, 3]])


def test_a_change_of_unit_changes_nothing_but_the_unit() -> None:
    ages, values = _cohort(2, 400)
    ml, litres = smooth_reference(ages, values), smooth_reference(ages, 5 - values / 1000)
    assert 5 - litres.percentiles[:, ::-1] == pytest.approx(ml.percentiles / 1000, rel=1e-4)
    assert 5 - litres.low[:, ::-1] == pytest.approx(ml.high / 1000, rel=1e-3)


def test_nothing_is_told_of_ages_that_nobody_had() -> None:
    ages, values = _cohort(3, 2000)
    there = (ages < 45) | (ages >= 62)
    curve = smooth_reference(ages[there], values[there])
    assert curve.age_years.min() >= ages.min()
    assert not np.isin(np.arange(50, 57), curve.age_years).any()
    for year, n in zip(curve.age_years, curve.n_near, strict=True):
        assert n == (np.abs(ages[there] - year) <= 5).sum() >= 20


@pytest.mark.parametrize(
    ("n", "reason"), [(71, "71 of the 72 people"), (100, "too few people of any age")]
)
def test_too_few_people_are_a_reason_and_no_curve(n: int, reason: str) -> None:
    curve = smooth_reference(*_cohort(5, n))
    assert reason in str(curve.reason)
    assert len(curve.age_years) == len(curve.percentiles) == 0


def test_equal_values_are_their_own_percentiles() -> None:
    curve = smooth_reference(_cohort(1, 500)[0], np.full(500, 12.5))
    assert curve.percentiles == pytest.approx(12.5)
    assert curve.high == pytest.approx(12.5)


def test_of_more_people_than_are_fitted_each_year_keeps_its_percentiles() -> None:
    ages, values = _cohort(7, 5 * MAX_PEOPLE)
    curve = smooth_reference(ages, values)
    assert _at(curve, YEARS, curve.percentiles) == pytest.approx(_truth(YEARS), rel=0.01)
    assert _at(curve, YEARS, curve.n_near).sum() == sum(
        (np.abs(ages - y) <= 5).sum() for y in YEARS
    )
