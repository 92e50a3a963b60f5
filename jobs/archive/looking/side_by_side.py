"""Many objects looked into side by side: a header is a small read, which is waiting, not work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from cluster.stores.contract import Archive, StoredObject
from jobs.archive.looking.found import Found
from jobs.archive.looking.headers import files_in

THREADS: Final = 16

AHEAD: Final = 4 * THREADS
"""Objects that are under way: memory is bounded, whatever the archive holds."""

Look = Callable[[Iterable[StoredObject]], Iterator[list[Found]]]
"""What objects hold, object by object, in their order."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def in_threads(archive: Archive) -> Look:
    """Looks from threads of this process."""

    def look_into(stored: StoredObject) -> list[Found]:
        return list(files_in(archive, stored))

    return partial(_in_order, look_into)


def _in_order(work: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
    """`map` of threads that takes no more items than it works on."""
    with ThreadPoolExecutor(THREADS, "look") as threads:
        under_way: deque[Future[Answer]] = deque()
        try:
            for item in items:
                under_way.append(threads.submit(work, item))
                if len(under_way) >= AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for rest in under_way:
                rest.cancel()
