"""Counting tries; the actor on a real Ray is in tests/ray."""

from __future__ import annotations

from jobs.segment_run.attempts import Attempts, worker_died
from segment_actor.errors import FailureCode
from stats.tables.stages import Stage


def test_tries_are_counted_by_stage_and_series() -> None:
    attempts = Attempts()
    assert [attempts.begin(Stage.READ, "a"), attempts.begin(Stage.READ, "a")] == [1, 2]
    assert attempts.begin(Stage.SEGMENT, "a") == 1
    assert (attempts.seen(Stage.READ, "a"), attempts.seen(Stage.READ, "b")) == (2, 0)


def test_a_ct_that_was_set_aside_says_at_what_and_how_often() -> None:
    error = worker_died(Stage.READ, 4)
    assert (error.code, error.tries) == (FailureCode.WORKER_DIED, 4)
    assert error.sentence.startswith("Reading this CT ended its worker process 4 times")
