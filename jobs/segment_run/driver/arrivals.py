"""Items as they arrive, with a pause to look at the clock."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")

_END = object()


def arrivals(items: Generator[T], pause_s: float = 1.0) -> Generator[T | None]:
    """Yields each item, and None after every pause without one.

    So the caller can commit on time, show progress and notice a signal while it waits. What the
    generator raises is raised here. It is closed with this one, or after the item on its way.
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
        closed = thread.submit(items.close)
        if coming.done():
            closed.result()
        thread.shutdown(wait=False)  # who stops early does not wait for the next item
