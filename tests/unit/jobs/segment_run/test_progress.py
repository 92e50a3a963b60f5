"""The progress line, on a terminal and in a log."""

from __future__ import annotations

import io

import pytest

from jobs.segment_run.driver.progress import Progress, progress_line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("per_hour", "line"),
    [
        (None, "12/24 CTs done, 1 failed"),
        (360.0, "12/24 CTs done, 1 failed, 360 CT/h, 2 min left"),
        (1200.0, "12/24 CTs done, 1 failed, 1,200 CT/h, 36 s left"),
        (6.0, "12/24 CTs done, 1 failed, 6 CT/h, 2.0 h left"),
    ],
)
def test_the_line_says_done_failed_rate_and_time_left(per_hour: float | None, line: str) -> None:
    assert progress_line(12, 1, 24, per_hour) == line


def test_nothing_is_left_at_the_end() -> None:
    assert progress_line(24, 0, 24, 360.0) == "24/24 CTs done, 0 failed, 360 CT/h"


def test_the_rate_is_that_since_the_beginning_so_that_a_burst_promises_nothing() -> None:
    now = iter([0.0, 20.0])  # made, asked
    progress = Progress(9, io.StringIO(), lambda: next(now))
    assert progress.per_hour is None
    progress.add(failed=False)
    progress.add(failed=False)
    assert progress.per_hour == pytest.approx(360.0)


def test_a_log_gets_a_line_every_ten_seconds_and_one_at_the_end() -> None:
    log, seconds = io.StringIO(), [0.0]
    progress = Progress(3, log, lambda: seconds[0])
    for second in range(1, 25):
        seconds[0] = second
        progress.tick()
    progress.add(failed=True)
    progress.close()
    assert log.getvalue().splitlines() == [
        "0/3 CTs done, 0 failed",
        "0/3 CTs done, 0 failed",
        "1/3 CTs done, 1 failed, 150 CT/h, 48 s left",
    ]


def test_a_terminals_line_is_rewritten_in_place_and_ends_with_a_newline() -> None:
    terminal = Terminal()
    now = iter(range(0, 7200, 3600))
    progress = Progress(2, terminal, lambda: next(now, 3600))
    progress.tick()
    progress.add(failed=False)
    progress.tick()
    progress.close()
    text = terminal.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert text.split("\r")[1:] == [
        "0/2 CTs done, 0 failed",
        "1/2 CTs done, 0 failed, 1 CT/h, 60 min left",
        "1/2 CTs done, 0 failed, 1 CT/h, 60 min left\n",
    ]
