"""Objects looked into by the nodes of a Ray cluster; nothing of it enters Ray's object store."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from functools import cache
from typing import Any, Final

import ray
from ray.exceptions import RayError

from cluster.stores.contract import Archive, StoredObject
from cluster.stores.opening import open_store
from jobs.archive.database import batches
from jobs.archive.looking.found import Found, from_rows, to_rows
from jobs.archive.looking.side_by_side import Look, in_threads
from jobs.shared.discreet import in_turn, packed, unpacked
from jobs.shared.ray_errors import cause_of
from segment_actor.errors import SetupError

TASK_OBJECTS: Final = 200
"""Looked into by a task: a second of work, and some 10 kB of paths on their way."""

ANSWER_OBJECTS: Final = 20
"""Told of at a time: each answer costs the driver some work, and one object may have many rows."""

AHEAD_PER_CPU: Final = 2


def on_ray(archive_uri: str) -> Look:
    """Looks from tasks on the cluster that this process is connected to.

    Args:
        archive_uri: each node opens it for itself.

    What looks raises a SetupError: the archive no longer answers, or Ray does not.
    """

    def look(objects: Iterable[StoredObject]) -> Iterator[list[Found]]:
        try:
            yield from looked(objects)
        except RayError as error:
            raise SetupError(f"Ray ended the index: {cause_of(error)}") from error

    def looked(objects: Iterable[StoredObject]) -> Iterator[list[Found]]:
        ahead = max(2, int(AHEAD_PER_CPU * ray.cluster_resources().get("CPU", 1)))
        under_way: deque[Any] = deque()
        for some in batches(objects, TASK_OBJECTS):
            asked = packed([astuple(one) for one in some])
            under_way.append(_look.remote(archive_uri, *asked))
            if len(under_way) >= ahead:
                yield from _answers(under_way.popleft())
        while under_way:
            yield from _answers(under_way.popleft())

    return look


def _answers(pieces: Any) -> Iterator[list[Found]]:  # noqa: ANN401  # Ray's generator of references
    held: list[bytes] = []
    for reference in pieces:
        piece, is_last = ray.get(reference)
        held.append(piece)
        if is_last:
            yield from (list(from_rows(rows)) for rows in unpacked(held))
            held = []


@ray.remote(num_cpus=1, max_retries=3, num_returns="streaming")
def _look(archive_uri: str, *asked: bytes) -> Iterator[tuple[bytes, bool]]:
    """What objects hold, in pieces."""
    objects = [StoredObject(*one) for one in unpacked(asked)]
    looked = in_threads(_archive(archive_uri))(objects)
    for some in batches(map(to_rows, looked), ANSWER_OBJECTS):
        yield from in_turn(packed(some))


@cache
def _archive(uri: str) -> Archive:
    """One connection a worker process."""
    return open_store(uri)
