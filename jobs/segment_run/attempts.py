"""Who ends their worker again and again: a counter that ends poison CTs.

Ray Data retries without end, and must: a lost node must not cost a CT its tries. So the CTs are
counted here, each time a stage takes one up. Counts live as long as the run.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from segment_actor.errors import FailureCode, SeriesError
from stats.tables.stages import Stage

Actor = Any
"""A handle of an actor: its methods appear at run time."""


class Attempts:
    """Counts the tries of each CT in each stage."""

    def __init__(self) -> None:
        self._tries: Counter[tuple[Stage, str]] = Counter()

    def seen(self, stage: Stage, series_key: str) -> int:
        """Tries begun so far."""
        return self._tries[stage, series_key]

    def begin(self, stage: Stage, series_key: str) -> int:
        """Count one more try.

        Returns:
            Its number, from 1.
        """
        self._tries[stage, series_key] += 1
        return self._tries[stage, series_key]


def start_attempts() -> Actor:
    """The counter as an actor on the driver's own node.

    Elsewhere it could sit on a node that is cut off, and every stage would wait for it.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(Attempts).options(
        num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
    )
    return actor.remote()


def begin(attempts: Actor, stage: Stage, series_key: str, max_attempts: int) -> int:
    """Take a CT up, unless it has used up its tries.

    Returns:
        The number of this try, from 1.

    Raises:
        WorkerDied: this would be one try too many.
    """
    number: int = ray.get(attempts.begin.remote(stage, series_key))
    if number > max_attempts:
        raise worker_died(stage, max_attempts)
    return number


class WorkerDied(SeriesError):  # noqa: N818 - it says what happened, as the log does
    """A CT ended its worker each time.

    Args:
        tries: how often.
        sentence: for a person.
    """

    def __init__(self, tries: int, sentence: str) -> None:
        super().__init__(FailureCode.WORKER_DIED, sentence)
        self.tries = tries


def worker_died(stage: Stage, tries: int) -> WorkerDied:
    """The failure of a CT that ended its worker each time."""
    doing = {Stage.READ: "Reading", Stage.SEGMENT: "Segmenting"}.get(stage, "Working on")
    return WorkerDied(
        tries,
        f"{doing} this CT ended its worker process {tries} times (out of memory, or a crash in a "
        "decoder); it was set aside. Try it alone on a machine with more memory.",
    )
