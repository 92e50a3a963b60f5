"""Axes of the report's drawings: where a value lies, and how numbers are written.

The drawings are SVG elements placed by percentages, so that they take any width while their text
and lines keep their size. Here is the arithmetic; the marks stand in templates/.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

NOT_MEASURED: Final = "\u2013"


@dataclass(frozen=True, slots=True)
class Axis:
    """A horizontal axis.

    Attributes:
        low, high: its ends.
        ticks: values with a label.
        log: whether equal steps are equal ratios.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Per cent of the width from the left; what lies outside is drawn at the edge."""
        low, high, here = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, here = math.log(low), math.log(high), math.log(here)
        return round(100.0 * (here - low) / (high - low), 2)


def volume_axis(volumes_ml: Iterable[float]) -> Axis:
    """Of volumes in ml: whole decades, logarithmic."""
    known = [v for v in volumes_ml if v > 0]
    first = math.floor(math.log10(min(known, default=1.0)))
    last = max(first + 1, math.ceil(math.log10(max(known, default=10.0))))
    decades = tuple(10.0**n for n in range(first, last + 1))
    return Axis(decades[0], decades[-1], decades, log=True)


def hu_axis(hu: Iterable[float]) -> Axis:
    """Of attenuations in HU: whole hundreds, at most five labels."""
    known = list(hu)
    low = 100.0 * math.floor(min(known, default=0.0) / 100.0)
    high = max(low + 100.0, 100.0 * math.ceil(max(known, default=100.0) / 100.0))
    step = next(s for s in (50, 100, 200, 500, 1000, 10_000) if (high - low) / s <= 4)
    first = math.ceil(low / step)
    ticks = tuple(float(step * n) for n in range(first, math.floor(high / step) + 1))
    return Axis(low, high, ticks)


def count(number: float | None) -> str:
    """E.g. 4,004."""
    return NOT_MEASURED if number is None else f"{number:,.0f}"


def figure(number: float | None) -> str:
    """Three significant digits, all digits of what is larger: 0.0123, 1.23, 12.3, 1,234."""
    if number is None or not math.isfinite(number):
        return NOT_MEASURED
    if number == 0.0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    text = f"{number:,.{digits}f}"
    return text.replace("-", "\u2212")


def correlation(r_s: float) -> str:
    """Two decimals, and no sign before 0.00."""
    text = f"{r_s:.2f}".replace("-", "\u2212")
    return text.lstrip("\u2212") if float(f"{r_s:.2f}") == 0.0 else text


def share(part: float | None, whole: float | None) -> str:
    """A part of a whole in per cent; few of many are never rounded to none, nor most to all."""
    if part is None or not whole:
        return NOT_MEASURED
    percent = 100.0 * part / whole
    if 0.0 < percent < 0.1:
        return "< 0.1\u00a0%"
    if 99.9 < percent < 100.0:
        return "> 99.9\u00a0%"
    return f"{percent:.0f}\u00a0%" if percent in (0.0, 100.0) else f"{percent:.1f}\u00a0%"


def size(size_bytes: float) -> str:
    """E.g. 1.2 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < 1000.0:
            return f"{figure(size_bytes)}\u00a0{unit}"
        size_bytes /= 1000.0
    return f"{figure(size_bytes)}\u00a0TB"


def instant(when: datetime | None) -> str:
    """A point in time in UTC, e.g. 31 Jan 2026, 04:05."""
    return NOT_MEASURED if when is None else f"{when.day} {when:%b %Y, %H:%M}"


def duration(seconds: float) -> str:
    """E.g. 12 s, 3 min, 7.5 h."""
    if seconds < 90:
        return f"{seconds:.0f}\u00a0s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f}\u00a0min"
    return f"{seconds / 3600:,.1f}\u00a0h"
