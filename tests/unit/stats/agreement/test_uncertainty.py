"""Means, tests and limits of agreement equal those of scipy, or come out as by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from stats.agreement.uncertainty import (
    Agreement,
    Mean,
    bland_altman,
    bootstrap_mean,
    mean_of_means,
    signed_rank_test,
)

SEEDS = st.integers(0, 2**32 - 1)


def scores(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).beta(8, 1, shape)


def test_the_interval_is_that_of_scipys_percentile_bootstrap() -> None:
    values = scores(1, 65)
    rng = np.random.default_rng(7)
    same = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, method="percentile", rng=rng
    ).confidence_interval
    found = bootstrap_mean(values, seed=7)
    assert (found.ci_low, found.ci_high) == pytest.approx((same.low, same.high))
    assert found.mean == pytest.approx(values.mean())
    assert found.n == 65


def test_the_bootstrap_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    found = [bootstrap_mean(scores(n, 60), seed=n, resamples=500) for n in range(200)]
    covered = np.mean([m.ci_low < 8 / 9 < m.ci_high for m in found if m.ci_low and m.ci_high])
    assert covered == pytest.approx(0.95, abs=0.05)


def test_the_same_seed_gives_the_same_interval() -> None:
    assert bootstrap_mean(scores(2, 20), seed=3) == bootstrap_mean(scores(2, 20), seed=3)
    assert bootstrap_mean(scores(2, 20), seed=3) != bootstrap_mean(scores(2, 20), seed=4)


def test_missing_values_do_not_count_and_one_value_has_no_interval() -> None:
    assert bootstrap_mean(np.array([np.nan, 0.5])) == Mean(1, 0.5, None, None)
    assert bootstrap_mean(np.array([np.nan])) == Mean(0, None, None, None)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_one_structure_has_nearly_the_same_interval_in_either_order(seed: int) -> None:
    values = scores(seed, 40)
    one, other = bootstrap_mean(values), mean_of_means(values[:, None])
    assert other.mean == pytest.approx(one.mean)
    width = (one.ci_high or 0) - (one.ci_low or 0)
    assert other.ci_low == pytest.approx(one.ci_low, abs=0.1 * width)
    assert other.ci_high == pytest.approx(one.ci_high, abs=0.1 * width)


def test_the_mean_of_means_weighs_structures_alike_however_few_cases_have_them() -> None:
    values = np.array([[1.0, np.nan], [0.8, np.nan], [0.6, 0.2], [np.nan, np.nan]])
    found = mean_of_means(values)
    assert found.mean == pytest.approx((0.8 + 0.2) / 2)
    assert found.n == 3


def test_no_case_has_no_mean_of_means() -> None:
    assert mean_of_means(np.full((3, 2), np.nan)) == Mean(0, None, None, None)
    assert mean_of_means(np.array([[0.5, 0.75]])) == Mean(1, 0.625, None, None)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_p_is_scipys_over_the_pairs_that_both_have(seed: int) -> None:
    ours, theirs = scores(seed, 2, 30)
    ours[3], theirs[5] = np.nan, np.nan
    both = np.delete(np.arange(30), [3, 5])
    found = signed_rank_test(ours, theirs)
    assert found.p == scipy_stats.wilcoxon(ours[both], theirs[both]).pvalue
    assert (found.pairs, found.reason) == (28, None)


def test_too_few_pairs_have_a_reason_instead_of_a_p() -> None:
    ours = np.arange(5.0)
    found = signed_rank_test(ours, ours + 1)
    assert (found.p, found.reason) == (None, "5 of 5 pairs differ; p < 0.05 needs 6 at least")


def test_six_pairs_are_the_fewest_that_can_be_significant() -> None:
    ours = np.arange(6.0)
    assert signed_rank_test(ours, ours + ours / 7 + 1).p == pytest.approx(2 / 2**6)


def test_equal_methods_have_a_reason_instead_of_a_p() -> None:
    found = signed_rank_test(np.ones(20), np.ones(20))
    assert (found.p, found.pairs) == (None, 20)


def test_bias_and_limits_of_agreement_come_out_as_by_hand() -> None:
    # differences 1, 3, 5: mean 3, standard deviation 2
    found = bland_altman(np.array([11.0, 23, 35, np.nan]), np.array([10.0, 20, 30, 40]))
    assert (found.n, found.bias) == (3, 3.0)
    assert (found.limit_low, found.limit_high) == pytest.approx((3 - 1.96 * 2, 3 + 1.96 * 2))


def test_one_pair_has_a_bias_and_no_limits() -> None:
    assert bland_altman(np.array([2.0]), np.array([1.0])) == Agreement(1, 1.0, None, None)
    assert bland_altman(np.array([]), np.array([])) == Agreement(0, None, None, None)
