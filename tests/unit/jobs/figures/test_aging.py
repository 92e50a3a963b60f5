"""What a figure of the aging study shows is what the tests found."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes

from jobs.figures.aging import INK, _boxes, _limits, new_figure, p_text
from jobs.figures.aging_overview import _ranked

AGES = np.arange(100.0)
QUARTILE = np.repeat(np.arange(4), 25)
ROW = {f"age_bound_{q}": 25.0 * q for q in (1, 2, 3)} | {f"q{q}_n": 25 for q in (1, 2, 3, 4)}


@pytest.fixture
def axes() -> Axes:
    return new_figure(4.0, 3.0).add_subplot()


@pytest.mark.parametrize("pairs", ["", "Q1-Q4", "Q1-Q2 Q2-Q3 Q3-Q4 Q1-Q3 Q2-Q4 Q1-Q4"])
def test_each_significant_pair_has_a_bracket_and_a_star(axes: Axes, pairs: str) -> None:
    _boxes(axes, AGES, QUARTILE, {**ROW, "kruskal_p": 1e-9, "significant_pairs": pairs})
    brackets = [line for line in axes.lines if line.get_color() == INK]
    assert len(brackets) == len(pairs.split()) == len(axes.texts)
    heights = [tuple(line.get_data()) for line in brackets]
    assert len({str(h) for h in heights}) == len(brackets)


def test_whiskers_end_at_the_last_inlier_and_the_outlier_is_not_drawn(axes: Axes) -> None:
    values = np.where(AGES == 99.0, 1e6, AGES)
    _boxes(axes, values, QUARTILE, {**ROW, "kruskal_p": 1e-9, "significant_pairs": None})
    assert max(line.get_ydata().max() for line in axes.lines) == 98.0  # type: ignore[union-attr]
    assert _limits(values)[1] < 110.0


def test_the_overview_ranks_within_a_kind_and_sides_share_a_line() -> None:
    found = {"kidney_left": -0.5, "kidney_right": -0.4, "liver": 0.1, "hip_left": -0.6}
    lines = _ranked([{"structure": name, "r_s": r_s} for name, r_s in found.items()])
    assert [name for name, _ in lines] == ["organs", "liver", "kidney", "bones", "hip"]
    assert [len(pair) for _, pair in lines] == [0, 1, 2, 0, 1]


def test_p_is_told_as_in_the_paper() -> None:
    assert [p_text(p) for p in (0.0, 9e-5, 0.0041, None)] == [
        "p < 0.0001", "p < 0.0001", "p = 0.0041", "not tested",
    ]  # fmt: skip
