"""Values lie where they belong on an axis, and numbers read as they should."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.report_page import axis, words
from segment_actor.anatomy import load_schema
from segment_actor.errors import FailureCode
from stats.tables.stages import Stage

VOLUMES = st.lists(st.floats(1e-3, 1e4), min_size=1)
HU = st.lists(st.floats(-1024, 3071), min_size=1)


@given(VOLUMES)
def test_every_volume_lies_on_its_axis_in_order(volumes: list[float]) -> None:
    line = axis.volume_axis(volumes)
    assert line.low <= min(volumes) <= max(volumes) <= line.high
    places = [line.at(v) for v in sorted(volumes)]
    assert places == sorted(places)
    assert (line.at(line.low), line.at(line.high)) == (0.0, 100.0)


@given(HU)
def test_every_density_lies_on_its_axis_of_at_most_five_labels(hu: list[float]) -> None:
    line = axis.hu_axis(hu)
    assert line.low <= min(hu) <= max(hu) <= line.high
    assert 1 <= len(line.ticks) <= 5
    assert all(0.0 <= line.at(tick) <= 100.0 for tick in line.ticks)


def test_a_decade_is_as_wide_as_the_next_one() -> None:
    line = axis.volume_axis([1.0, 100.0])
    assert line.at(10.0) == 50.0


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 9, "0 %"), (9, 9, "100 %"), (1, 8, "12.5 %"), (1, 10_000, "< 0.1 %"),
     (9_999, 10_000, "> 99.9 %"), (0, 0, "–"), (None, 9, "–")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_none_or_all(part: int, whole: int, text: str) -> None:
    assert axis.share(part, whole) == text.replace(" %", "\u00a0%")


@pytest.mark.parametrize(
    ("number", "text"),
    [(1234.5, "1,234"), (12.34, "12.3"), (0.01234, "0.0123"), (-800.2, "−800"), (0.0, "0"),
     (None, "–"), (float("nan"), "–")],
)  # fmt: skip
def test_a_figure_has_three_digits(number: float | None, text: str) -> None:
    assert axis.figure(number) == text


def test_a_correlation_of_nothing_has_no_sign() -> None:
    assert list(map(axis.correlation, (-0.001, -0.54, 0.5))) == ["0.00", "−0.54", "0.50"]


def test_an_instant_says_its_day_and_minute() -> None:
    assert axis.instant(datetime(2026, 1, 3, 4, 5, tzinfo=UTC)) == "3 Jan 2026, 04:05"


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1_230_000, "1.23 MB")]
)
def test_a_size_has_a_unit(size_bytes: int, text: str) -> None:
    assert axis.size(size_bytes) == text.replace(" ", "\u00a0")


def test_every_code_stage_and_kind_has_words() -> None:
    assert set(words.FAILURES) == set(FailureCode)
    assert set(Stage) == set(words.STAGES)
    kinds = {s.category for s in load_schema("total_v2").structures}
    assert kinds < set(words.KINDS)


def test_only_the_phantoms_model_sets_have_a_warning() -> None:
    assert "never for patients" in words.built_in("embedded-fast")["warning"]
    assert "warning" not in words.built_in("total")
    assert words.built_in("../../secrets") == words.built_in(None) == {}
