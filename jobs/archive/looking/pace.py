"""Hours of work in a log: a line now and then that says how far it is, and how fast."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

log = logging.getLogger(__name__)

LINE_EVERY_S: Final = 60.0

Item = TypeVar("Item")


def told(
    items: Iterable[Item],
    what: str,
    total: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Item]:
    """The items, unchanged, and a line in the log each minute.

    Args:
        items: taken one after the other.
        what: they are, and what becomes of them: "objects listed".
        total: how many there are; None if nobody knows.
        clock: seconds, monotonic.
    """
    begun_s = last_line_s = clock()
    for count, item in enumerate(items, start=1):
        yield item
        now = clock()
        if now - last_line_s >= LINE_EVERY_S:
            last_line_s = now
            of = f" of {total:,}" if total is not None else ""
            per_minute = 60 * count / (now - begun_s)
            log.info("%s%s %s, %s a minute", f"{count:,}", of, what, f"{per_minute:,.0f}")
