"""Items as they arrive, with a pause to look at the clock."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")

_END = object()


def arrivals(items: Iterator[T], pause_s: float = 1.0) -> Iterator[T | None]:
    """Yields each item, and None after every pause without one.

    So the caller can commit on time, show progress and notice a signal while it waits. What the
    iterator raises is raised here.
    """
    thread = ThreadPoolExecutor(1)
    try:
        while True:
            coming = thread.submit(next, items, _END)
            while not wait([coming], timeout=pause_s).done:
                yield None
            item = coming.result()
            if item is _END:
                return
            yield item  # type: ignore[misc]  # whatever is not the end is an item
    finally:
        thread.shutdown(wait=False)  # who stops early does not wait for the next item
