"""The progress line: CTs done, failed, CT/h, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

LINE_EVERY_S = 10.0
"""Between lines in a log; a terminal's line is rewritten at every change."""


def progress_line(done: int, failed: int, total: int, per_hour: float | None) -> str:
    """One line for a person.

    Args:
        done: CTs finished, the failed ones included.
        failed: of these.
        total: CTs of this run.
        per_hour: None as long as it cannot be known.
    """
    parts = [f"{done}/{total} CTs done", f"{failed} failed"]
    if per_hour is not None:
        parts.append(f"{per_hour:,.0f} CT/h")
        if done < total:
            parts.append(f"{_duration(3600.0 * (total - done) / per_hour)} left")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class Progress:
    """Counts CTs and says so: in place on a terminal, a line now and then in a log.

    Args:
        total: CTs of this run.
        stream: where to; stderr, for stdout belongs to results.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        total: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.done = 0
        self.failed = 0
        self._stream = stream or sys.stderr
        self._clock = clock
        self._begun_s = self._last_line_s = clock()
        self._last_line = ""

    def add(self, *, failed: bool) -> None:
        """Count one CT."""
        self.done += 1
        self.failed += failed

    @property
    def per_hour(self) -> float | None:
        """CTs an hour since the beginning; the start of Ray and models weighs less and less."""
        if not self.done:
            return None
        return 3600.0 * self.done / max(self._clock() - self._begun_s, 1e-3)

    def tick(self) -> None:
        """Show the line if it is due. Call it often."""
        now = self._clock()
        if self._stream.isatty():
            self._write("\r", self._text().ljust(len(self._last_line)), "")
        elif now - self._last_line_s >= LINE_EVERY_S:
            self._last_line_s = now
            self._write("", self._text(), "\n")

    def close(self) -> None:
        """Show the last line."""
        if self._stream.isatty():
            self._write("\r", self._text().ljust(len(self._last_line)), "\n")
        elif self._text() != self._last_line:
            self._write("", self._text(), "\n")

    def _text(self) -> str:
        return progress_line(self.done, self.failed, self.total, self.per_hour)

    def _write(self, before: str, text: str, after: str) -> None:
        self._stream.write(f"{before}{text}{after}")
        self._stream.flush()
        self._last_line = text
