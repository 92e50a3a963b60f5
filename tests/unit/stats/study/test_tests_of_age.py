"""The numbers of the aging study are scipy's, or follow from a formula that is checked here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stats.study.selection import age_bounds, quartile_of
from stats.study.tests_of_age import (
    Row,
    compare_quartiles,
    correlate,
    correlate_adjusted,
    describe,
    judge,
    lilliefors_p,
    spearman_interval,
    study,
)

RNG = np.random.default_rng(7)
AGES = RNG.uniform(18, 100, 300)
VALUES = 200.0 - AGES + RNG.normal(0, 25, 300)
BODY = RNG.normal(0, 1, (300, 2)) + 0.02 * AGES[:, None]
NONE = np.empty((300, 0))


def test_a_correlation_is_scipys() -> None:
    row, expected = correlate(AGES, VALUES), stats.spearmanr(AGES, VALUES)
    assert (row["r_s"], row["p"]) == (expected.statistic, expected.pvalue)


def test_the_interval_is_wider_than_that_of_pearsons_r_by_bonett_and_wrights_factor() -> None:
    ranks = stats.rankdata(AGES), stats.rankdata(VALUES)
    pearson = stats.pearsonr(*ranks)
    low, high = pearson.confidence_interval()
    ours = spearman_interval(pearson.statistic, 300)
    ratio = np.ptp(np.arctanh(ours)) / np.ptp(np.arctanh([low, high]))
    assert ratio == pytest.approx(np.sqrt(1 + pearson.statistic**2 / 2))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_eight_scans_in_perfect_order_do_not_prove_a_perfect_correlation(sign: float) -> None:
    low, high = sorted(sign * end for end in spearman_interval(sign, 8))
    assert high == 1.0
    # by hand: one exchange of neighbours is 1 - 12/504; half a step is r = 0.98810, z = 2.5590,
    # 2.5590 - 1.95996 sqrt((1 + r^2 / 2) / 5) = 1.4892, tanh of it
    assert low == pytest.approx(0.9032, abs=1e-4)
    row = correlate(np.arange(8.0), sign * np.arange(8.0) ** 3)
    assert row["p"] == pytest.approx(2 / 40320)


def test_so_low_a_correlation_gives_a_perfect_order_of_eight_in_at_least_25_of_1000() -> None:
    # the lower end is no lower than it must be, and not much higher: rho_s of it is 0.90
    rng, rho = np.random.default_rng(1), 2 * np.sin(np.pi * 0.9032 / 6)
    x, noise = rng.normal(size=(2, 20_000, 8))
    y = rho * x + np.sqrt(1 - rho**2) * noise
    perfect = (np.argsort(x) == np.argsort(y)).all(axis=1).mean()
    assert 0.025 <= perfect <= 0.1


def test_with_too_few_pairs_every_correlation_is_possible() -> None:
    assert spearman_interval(0.9, 3) == (-1.0, 1.0)
    assert spearman_interval(0.9, 8, corrected_for=5) == (-1.0, 1.0)


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.85])
def test_95_of_100_intervals_hold_the_true_correlation(rho: float) -> None:
    rng, r, hits = np.random.default_rng(1), 2 * np.sin(np.pi * rho / 6), 0
    for _ in range(400):
        x, noise = rng.normal(size=(2, 80))
        found = stats.spearmanr(x, r * x + np.sqrt(1 - r**2) * noise).statistic
        low, high = spearman_interval(found, 80)
        hits += low <= rho <= high
    assert 370 <= hits <= 390


@pytest.mark.parametrize("k", [1, 2])
def test_the_partial_correlation_follows_from_the_inverse_of_the_correlation_matrix(k: int) -> None:
    row = correlate_adjusted(AGES, VALUES, BODY[:, :k])
    ranks = stats.rankdata(np.column_stack([AGES, VALUES, BODY[:, :k]]), axis=0)
    inverse = np.linalg.inv(np.corrcoef(ranks, rowvar=False))
    expected = -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])
    assert row["r_s_adjusted"] == pytest.approx(expected)


def test_p_of_the_partial_correlation_is_that_of_age_in_a_regression_of_ranks() -> None:
    row = correlate_adjusted(AGES, VALUES, BODY)
    ranks = stats.rankdata(np.column_stack([AGES, VALUES, BODY]), axis=0)
    design = np.column_stack([np.ones(300), ranks[:, [0, 2, 3]]])
    slope, rest = (found := np.linalg.lstsq(design, ranks[:, 1]))[0], found[1][0]
    error = np.sqrt(rest / 296 * np.linalg.inv(design.T @ design)[1, 1])
    assert row["p_adjusted"] == pytest.approx(2 * stats.t.sf(abs(slope[1] / error), 296))


def test_a_confounder_that_explains_everything_leaves_no_correlation() -> None:
    assert correlate_adjusted(AGES, AGES**2, AGES[:, None]) == {"n_adjusted": 300}


def test_rows_without_the_confounder_are_left_out_of_the_partial_correlation_alone() -> None:
    body = np.where(np.arange(300)[:, None] < 100, np.nan, BODY[:, :1])
    row = study(AGES, VALUES, quartile_of(AGES, age_bounds(AGES)), body)
    assert row["n_adjusted"] == 200
    assert row["r_s"] == correlate(AGES, VALUES)["r_s"]


def test_quartiles_are_compared_as_scipy_does() -> None:
    quartile = quartile_of(AGES, age_bounds(AGES))
    groups = [VALUES[quartile == q] for q in range(4)]
    row = compare_quartiles(VALUES, quartile)
    assert row["kruskal_p"] == stats.kruskal(*groups).pvalue
    assert row["p_q2_q4"] == stats.mannwhitneyu(groups[1], groups[3]).pvalue
    assert [row[f"q{q}_n"] for q in (1, 2, 3, 4)] == [75, 75, 75, 75]


def test_a_patient_at_a_bound_belongs_to_the_older_quartile() -> None:
    ages = np.array([20.0, 40.9, 41.0, 59.0, 77.9, 78.0])
    assert quartile_of(ages, np.array([41.0, 59.0, 78.0])).tolist() == [0, 0, 1, 2, 2, 3]


def test_the_distance_from_normality_is_kolmogorovs_from_the_values_own_mean_and_deviation() -> (
    None
):
    expected = stats.kstest((VALUES - VALUES.mean()) / VALUES.std(ddof=1), "norm")
    assert describe(VALUES)["ks_d"] == pytest.approx(expected.statistic)
    assert describe(np.exp(VALUES / 20))["ks_p"] < 1e-6  # type: ignore[operator]


@pytest.mark.parametrize("n", [8, 40, 500])
def test_p_of_normality_is_lilliefors(n: int) -> None:
    # independent of formula and table: how often scipy's D of normal values is larger
    x = np.random.default_rng(9).normal(size=(4000, n))
    z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, ddof=1, keepdims=True)
    distances = stats.ks_1samp(z, stats.norm.cdf, axis=1, mode="asymp").statistic
    for p in (0.05, 0.1, 0.3, 0.5, 0.8):
        assert lilliefors_p(float(np.quantile(distances, 1 - p)), n) == pytest.approx(p, rel=0.2)


@pytest.mark.parametrize(
    ("modified", "p"), [(0.775, 0.15), (0.819, 0.10), (0.895, 0.05), (0.955, 0.025), (1.035, 0.01)]
)
@pytest.mark.parametrize("n", [20, 100])
def test_p_of_normality_is_that_of_stephens_table(modified: float, p: float, n: int) -> None:
    # D'Agostino and Stephens, Goodness-of-Fit Techniques (1986), Table 4.7
    d = modified / (np.sqrt(n) - 0.01 + 0.85 / np.sqrt(n))
    assert lilliefors_p(d, n) == pytest.approx(p, rel=0.2)


@pytest.mark.parametrize("n", [5, 8, 100, 101, 5000, 1_000_000])
def test_the_further_from_normal_the_smaller_is_p(n: int) -> None:
    distances = np.linspace(0.5 / n, 3 / np.sqrt(n), 500)
    ps = [lilliefors_p(float(d), n) for d in distances]
    assert (np.diff(ps) <= 0).all()
    assert 0 <= ps[-1] < 1e-6
    assert ps[0] <= 1


def test_p_says_of_uniform_values_what_the_uncorrected_test_misses() -> None:
    values = np.random.default_rng(0).uniform(size=120)
    row = describe(values)
    uncorrected = stats.kstest(values, "norm", args=(values.mean(), values.std(ddof=1))).pvalue
    assert row["ks_p"] < 0.05 < uncorrected  # type: ignore[operator]


def test_p_values_of_few_patients_are_said_to_be_approximate() -> None:
    few = study(AGES[:19], VALUES[:19], quartile_of(AGES[:19], age_bounds(AGES[:19])), NONE[:19])
    many = study(AGES, VALUES, quartile_of(AGES, age_bounds(AGES)), NONE)
    assert few["note"] == "p-values of fewer than 20 patients are approximate"
    assert "note" not in many


@pytest.mark.parametrize(
    ("n", "values", "note"),
    [(7, VALUES, "7 of the 8 patients that are needed"), (300, np.ones(300), "are the same")],
)
def test_what_cannot_be_studied_has_a_note_and_no_number(
    n: int, values: np.ndarray, note: str
) -> None:
    row = study(AGES[:n], values[:n], np.zeros(n, dtype=int), NONE[:n])
    assert row.keys() == {"note"}
    assert note in str(row["note"])


def test_an_empty_quartile_is_not_tested_but_the_correlation_is() -> None:
    row = study(AGES, VALUES, np.minimum(quartile_of(AGES, age_bounds(AGES)), 2), NONE)
    assert "kruskal_p" not in row
    assert row["note"] == "a quartile of age has no scan"
    assert "r_s" in row
    assert judge(row, 208, 1e-4)["significant"] is None


def _row(p: float, kruskal_p: float, q1_q2: float = 0.5, q1_q4: float = 0.5) -> Row:
    pairs = {f"p_q{a}_q{b}": 0.5 for a in (1, 2, 3) for b in range(a + 1, 5)}
    return {**pairs, "p": p, "kruskal_p": kruskal_p, "p_q1_q2": q1_q2, "p_q1_q4": q1_q4}


def test_bonferroni_counts_structures_and_for_pairs_the_pairs_too() -> None:
    # 3e-5 * 208 * 6 = 0.037 is below 0.05; 9e-5 * 208 * 6 = 0.11 is not
    verdict = judge(_row(2e-4, 9e-5, q1_q2=9e-5, q1_q4=3e-5), 208, 1e-4)
    assert verdict["kruskal_p_bonferroni"] == pytest.approx(208 * 9e-5)
    assert (verdict["correlated"], verdict["significant"]) == (False, True)
    assert verdict["significant_pairs"] == "Q1-Q4"
    assert (verdict["alpha"], verdict["correction"]) == (1e-4, "bonferroni over 208 tests")


def test_a_lenient_alpha_does_not_do_without_the_correction() -> None:
    # 3e-4 * 208 = 0.062 is not below 0.05, 1e-4 * 208 = 0.021 is
    assert judge(_row(3e-4, 1e-4), 208, 0.05) | {"significant_pairs": ""} == {
        "alpha": 0.05, "correction": "bonferroni over 208 tests", "significant_pairs": "",
        "p_bonferroni": pytest.approx(0.0624), "correlated": False,
        "kruskal_p_bonferroni": pytest.approx(0.0208), "significant": True,
    }  # fmt: skip


def test_a_single_test_needs_no_correction() -> None:
    row = judge(_row(0.01, 0.002), 1, 0.05)
    assert (row["correction"], row["p_bonferroni"], row["correlated"]) == ("none", 0.01, True)


def test_of_208_tests_of_nothing_one_in_twenty_studies_finds_something_at_any_alpha() -> None:
    ps = np.random.default_rng(2).random((300, 208))
    found = [any(judge({"p": float(p)}, 208, 0.05)["correlated"] for p in row) for row in ps]
    assert 5 <= sum(found) <= 27


@settings(max_examples=30)
@given(st.lists(st.floats(-1e3, 1e3), min_size=8, max_size=40, unique=True))
def test_only_the_order_of_the_values_counts(values: list[float]) -> None:
    numbers = np.array(values)
    ages = np.arange(len(values), dtype=float)
    once, again = correlate(ages, numbers), correlate(ages, stats.rankdata(numbers))
    assert once["r_s"] == pytest.approx(again["r_s"])
    assert -1 <= once["ci_low"] <= once["r_s"] <= once["ci_high"] <= 1  # type: ignore[operator]


def test_pingouin_finds_the_same_partial_correlation() -> None:
    # pingouin 0.7.0: partial_corr(frame, "age", "value", ["body_0", "body_1"], method="spearman")
    row = correlate_adjusted(AGES, VALUES, BODY)
    assert row["r_s_adjusted"] == pytest.approx(-0.690003, abs=5e-7)
    assert row["p_adjusted"] == pytest.approx(1.877960e-43, rel=1e-6)
