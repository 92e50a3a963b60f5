"""What becomes of an error inside a stage."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ray.exceptions import OutOfDiskError, RayTaskError

from jobs.segment_run.attempts import worker_died
from jobs.segment_run.guard import Row, guarded
from jobs.segment_run.outcome import Failure, Outcome, StageClock
from segment_actor.errors import FailureCode, SeriesError, SetupError
from stats.tables.stages import Stage


def failing(error: Exception) -> Callable[[], Row]:
    def work() -> Row:
        raise error

    return work


def ended(error: Exception) -> Outcome:
    outcome: Outcome = guarded(failing(error), Outcome("key"), StageClock(Stage.READ))["outcome"]
    return outcome


def test_a_series_error_becomes_a_failure_of_the_stage_at_work() -> None:
    error = SeriesError(FailureCode.NOT_3D, "It has two dimensions.")
    assert ended(error).failure == Failure(Stage.READ, FailureCode.NOT_3D, "It has two dimensions.")


def test_a_failure_says_which_try_it_was() -> None:
    clock = StageClock(Stage.READ, attempts=2)
    error = SeriesError(FailureCode.NOT_3D, "It has two dimensions.")
    row = guarded(failing(error), Outcome("key"), clock)
    assert row["outcome"].failure.attempts == 2


def test_a_ct_that_ended_its_worker_each_time_says_how_often() -> None:
    failure = ended(worker_died(Stage.SEGMENT, 4)).failure
    assert failure is not None
    assert (failure.code, failure.attempts) == (FailureCode.WORKER_DIED, 4)


@pytest.mark.parametrize("error", [SetupError("The archive is gone."), OutOfDiskError("full")])
def test_what_no_series_is_to_blame_for_stops_the_run(error: Exception) -> None:
    assert ended(error).stop
    assert ended(error).failure is None


def test_an_unforeseen_error_says_where_in_our_code_but_not_what_it_was_about() -> None:
    failure = ended(ValueError("/archive/Doe_Jane.nii.gz")).failure
    assert failure is not None
    assert failure.code is FailureCode.UNEXPECTED
    assert "ValueError at " in failure.sentence
    assert "test_guard.py" in failure.sentence
    assert "Doe" not in failure.sentence


def test_time_is_kept_by_stage() -> None:
    clock = StageClock(Stage.FETCH)
    with clock.timed(Stage.READ):
        assert clock.stage == "read"
    assert clock.seconds[Stage.READ] >= 0


def test_what_an_actor_says_of_the_set_up_ends_the_run_in_its_own_words() -> None:
    there = SetupError("The index is damaged; make it again.")
    text = f"Traceback (most recent call last):\n  File x\nerrors.SetupError: {there}"
    assert ended(RayTaskError("piece", text, there).as_instanceof_cause()).stop == str(there)
