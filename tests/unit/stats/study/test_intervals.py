"""The interval of a percentile holds the truth, and the fewest people follow from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stats.study.intervals import (
    MIN_PEOPLE_PERCENTILE,
    MIN_PEOPLE_REFERENCE,
    fewest_people,
    percentile_interval,
)


@st.composite
def _ranks(draw: st.DrawFn) -> tuple[int, int, int]:
    n = draw(st.integers(1, 5000))
    lower = draw(st.integers(0, n))
    return n, lower, draw(st.integers(0, n - lower))


@given(_ranks())
def test_without_ties_the_interval_is_the_exact_one_of_scipy(rank: tuple[int, int, int]) -> None:
    n, lower, _ = rank
    exact = stats.binomtest(lower, n).proportion_ci(0.95, "exact")
    found = percentile_interval(n, lower, 0)
    assert found == pytest.approx((100 * exact.low, 100 * exact.high), abs=1e-6)


@given(_ranks())
def test_the_interval_holds_the_percentile_and_turns_over_with_it(
    rank: tuple[int, int, int],
) -> None:
    n, lower, equal = rank
    low, high = percentile_interval(n, lower, equal)
    assert 0 <= low <= 100 * (lower + equal / 2) / n <= high <= 100
    assert percentile_interval(n, n - lower - equal, equal) == pytest.approx(
        (100 - high, 100 - low)
    )


def test_many_ranks_are_answered_at_once_and_nobody_tells_nothing() -> None:
    low, high = percentile_interval([20, 20, 0], [0, 20, 0], 0)
    # 1 - 0.025^(1/20) by hand
    assert low == pytest.approx([0.0, 83.157, 0.0], abs=5e-4)
    assert high == pytest.approx([16.843, 100.0, 100.0], abs=5e-4)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.5, 0.97])
@pytest.mark.parametrize("ties", [False, True])
def test_at_least_95_of_100_intervals_hold_the_true_percentile(share: float, ties: bool) -> None:
    # of whole HU, 60 % of people have the value asked about, or nobody has
    equal = 0.6 * min(share, 1 - share) if ties else 0.0
    below, same, _ = (
        np.random.default_rng(3)
        .multinomial(60, [share - equal / 2, equal, 1 - share - equal / 2], size=4000)
        .T
    )
    low, high = percentile_interval(60, below, same)
    assert np.mean((low <= 100 * share) & (100 * share <= high)) >= 0.945


def test_the_fewest_people_are_those_of_the_guideline() -> None:
    # CLSI EP28-A3c: 120 for the 2.5th percentile with a 90 % interval
    assert fewest_people(0.025, 0.90) == 119


def test_the_lowest_of_the_fewest_people_is_sure_to_lie_below_the_5th_percentile() -> None:
    assert MIN_PEOPLE_REFERENCE == 72
    above = stats.binom.pmf(0, [71, 72], 0.05)
    assert above[0] > 0.025 >= above[1]


def test_with_too_few_people_the_middle_half_is_one_interval() -> None:
    low, high = percentile_interval(MIN_PEOPLE_PERCENTILE, 10, 0)
    assert (low, high) == pytest.approx((27.2, 72.8), abs=0.05)
