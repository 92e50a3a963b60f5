"""Items as they arrive."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

from jobs.segment_run.driver.arrivals import arrivals


def test_items_come_in_order_with_a_pause_while_there_is_none() -> None:
    def slow() -> Generator[int]:
        yield 1
        time.sleep(0.15)
        yield 2

    seen = list(arrivals(slow(), pause_s=0.05))
    assert [item for item in seen if item is not None] == [1, 2]
    assert None in seen[1:-1]


def test_what_the_items_raise_is_raised_here() -> None:
    def broken() -> Generator[int]:
        yield 1
        raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        list(arrivals(broken()))


def test_who_stops_early_does_not_wait_for_the_next_item() -> None:
    def stuck() -> Generator[int]:
        yield 1
        time.sleep(3)

    begun = time.monotonic()
    for _ in arrivals(stuck(), pause_s=0.01):
        if time.monotonic() - begun > 0.1:
            break
    assert time.monotonic() - begun < 1.5


def test_who_stops_early_ends_the_items_at_once() -> None:
    ended = []

    def items() -> Generator[int]:
        try:
            yield from range(9)
        finally:
            ended.append(True)

    coming = arrivals(items())
    assert next(coming) == 0
    coming.close()
    assert ended
