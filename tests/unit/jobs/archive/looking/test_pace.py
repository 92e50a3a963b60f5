"""What a log says of hours of work."""

from __future__ import annotations

import logging

import pytest

from jobs.archive.looking.pace import told


def test_a_line_a_minute_says_how_many_and_how_fast(caplog: pytest.LogCaptureFixture) -> None:
    seconds = iter(range(0, 10_000, 20))  # one at the start, and one an item
    with caplog.at_level(logging.INFO, "jobs.archive"):
        items = list(told(range(7), "new objects looked into", 9_000, lambda: next(seconds)))
    assert items == list(range(7))
    assert caplog.messages == [
        "3 of 9,000 new objects looked into, 3 a minute",
        "6 of 9,000 new objects looked into, 3 a minute",
    ]


def test_work_of_less_than_a_minute_says_nothing_and_of_an_unknown_amount_no_total(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seconds = iter([0.0, 59.0, 61.0])
    with caplog.at_level(logging.INFO, "jobs.archive"):
        items = told(range(2), "objects listed", None, lambda: next(seconds))
        assert next(items) == 0
        assert caplog.messages == []
        assert list(items) == [1]
    assert caplog.messages == ["2 objects listed, 2 a minute"]
