"""The class-group actors of a lane: started beside it, called in parallel, called again."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, OutOfMemoryError, RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from jobs.segment_run.attempts import Actor, worker_died
from segment_actor.errors import SetupError
from segment_actor.execution import Execution
from segment_actor.layers import Segmenter
from segment_actor.models.set import ModelSet
from segment_actor.volume import HuArray, LabelArray
from stats.tables.stages import Stage

log = logging.getLogger(__name__)

DEATHS = (RayActorError, OutOfMemoryError)
"""The process of a group actor ended or cannot be reached; its answer may come from the next."""

RESTART_WITHIN_S = 300.0
"""A group actor must be back by then: it starts Python, imports torch and loads 125 MB of weights,
some 5 s on a quiet machine."""


Answers = dict[int, tuple[LabelArray, float]]
"""Labels and seconds by number of the group."""

MakeSegmenter = Callable[[], Segmenter]
"""Makes what an actor runs, in the actor's process."""

MakeSegmenters = Callable[[ModelSet, Execution], Sequence[MakeSegmenter]]
"""What the actors of a lane run, one a group, in painting order."""


class TimedSegmenter:
    """Runs in a group actor: a segmenter, and how long each CT took it."""

    def __init__(self, make: MakeSegmenter) -> None:
        self._segmenter = make()

    def segment(self, hu: HuArray) -> tuple[LabelArray, float]:
        """The segmenter's answer, and its seconds, without those that the CT waited."""
        begun = time.perf_counter()
        return self._segmenter.segment(hu), time.perf_counter() - begun


@dataclass
class GroupActors:
    """The actors of one lane and the rules by which they are called.

    Attributes:
        actors: one a group, in painting order.
        max_attempts: times a CT may end an actor before it is set aside.
        timeout_s: an actor that has not answered by then is ended, as if it had died.
    """

    actors: Sequence[Actor]
    max_attempts: int
    timeout_s: float

    def __post_init__(self) -> None:
        # CTs that have ended an actor go on one at a time, so that a healthy CT that shared the
        # actor with a poisonous one is not blamed again and again.
        self._suspects = threading.Lock()
        ray.get([actor.__ray_ready__.remote() for actor in self.actors])

    def segment(self, hu: HuArray, groups: Sequence[int]) -> tuple[list[LabelArray], float]:
        """Calls groups of one grid in parallel, on one copy of the CT.

        Args:
            hu: (i, j, k) int16 on their grid.
            groups: their numbers.

        Returns:
            For each group (i, j, k) uint8, read-only views of the object store; and the seconds of
            the slowest group, without those that it waited for another CT.

        Raises:
            SeriesError: WORKER_DIED, an actor ended with this CT at every try.
        """
        ct = ray.put(hu)
        answers: Answers = {}
        self._call(groups, ct, answers)
        if len(answers) < len(groups):
            with self._suspects:
                for _ in range(self.max_attempts - 1):
                    waiting = [n for n in groups if n not in answers]
                    _wait_until_alive([self.actors[n] for n in waiting])
                    self._call(waiting, ct, answers)
        if len(answers) < len(groups):
            raise worker_died(Stage.SEGMENT, self.max_attempts)
        labels, seconds = zip(*(answers[n] for n in groups), strict=True)
        return list(labels), max(seconds)

    def _call(self, groups: Sequence[int], ct: ray.ObjectRef[HuArray], answers: Answers) -> None:
        """Asks these groups; those whose actor died have no answer afterwards."""
        pending = {n: self.actors[n].segment.remote(ct) for n in groups}
        deadline = time.monotonic() + self.timeout_s
        for n, ref in pending.items():
            try:
                answers[n] = ray.get(ref, timeout=max(0.0, deadline - time.monotonic()))
            except GetTimeoutError:
                log.warning("a class group did not answer in %.0f s; it is ended", self.timeout_s)
                ray.kill(self.actors[n], no_restart=False)
            except DEATHS:
                continue
            except RayTaskError as error:
                raise error.cause from error  # what the segmenter itself raised


def _wait_until_alive(actors: Sequence[Actor]) -> None:
    """Waits for restarts, which cost a CT no try."""
    deadline = time.monotonic() + RESTART_WITHIN_S
    while True:
        try:
            ray.get([a.__ray_ready__.remote() for a in actors], timeout=RESTART_WITHIN_S)
        except RayError as error:
            if time.monotonic() > deadline:
                raise SetupError(
                    f"A class group's actor did not come back within {RESTART_WITHIN_S:.0f} s."
                ) from error
            time.sleep(0.5)
        else:
            return


def start_groups(
    segmenters: Sequence[MakeSegmenter], max_attempts: int, timeout_s: float
) -> GroupActors:
    """Starts the group actors beside the lane: on its node, and on its GPU if it has one."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options: dict[str, Any] = {
        "num_cpus": 0,  # the lane has set aside what they use; without this each takes one more
        "max_restarts": -1,
        "max_task_retries": 0,  # GroupActors repeats, and counts
        "scheduling_strategy": here,
    }
    # An actor with num_gpus=0 would see every GPU of the node.
    if gpu := os.environ.get("CUDA_VISIBLE_DEVICES"):
        options["runtime_env"] = {"env_vars": {"CUDA_VISIBLE_DEVICES": gpu}}
        options["max_concurrency"] = 2  # one CT goes up to the GPU while the other is segmented
    actors: list[Actor] = [
        ray.remote(TimedSegmenter).options(**options).remote(make) for make in segmenters
    ]
    return GroupActors(actors, max_attempts, timeout_s)
