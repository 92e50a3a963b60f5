"""The one boundary where an error becomes part of a row: no CT ends the night."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray.exceptions import RayError

from jobs.segment_run.attempts import WorkerDied
from jobs.segment_run.outcome import Failure, Outcome, StageClock
from jobs.shared.ray_errors import cause_of
from segment_actor.errors import FailureCode, SeriesError, SetupError

Row = dict[str, Any]
"""A row of the dataset: column to value."""

REPOSITORY = Path(__file__).parents[2]


def guarded(work: Callable[[], Row], outcome: Outcome, clock: StageClock) -> Row:
    """Runs one stage of one CT; what goes wrong becomes part of the row."""
    try:
        return work()
    except WorkerDied as error:
        clock.attempts = error.tries
        ended = _failed(outcome, clock, error.code, error.sentence)
    except SeriesError as error:
        ended = _failed(outcome, clock, error.code, error.sentence)
    except SetupError as error:
        # raised in another process, it has a traceback for its text
        said = cause_of(error) if isinstance(error, RayError) else str(error)
        ended = replace(outcome, stop=said)
    except RayError as error:  # a full disk or store: no fault of this CT
        ended = replace(outcome, stop=f"Ray could not go on ({type(error).__name__}).")
    except Exception as error:  # noqa: BLE001  # the one boundary
        ended = _failed(outcome, clock, FailureCode.UNEXPECTED, _unexpected(error))
    return {"outcome": ended}


def _failed(outcome: Outcome, clock: StageClock, code: FailureCode, sentence: str) -> Outcome:
    failure = Failure(clock.stage, code, sentence, clock.attempts)
    return replace(outcome, failure=failure, timings=clock.seconds)


def _unexpected(error: BaseException) -> str:
    """What happened and where in our code. The message itself could carry a path or a name."""
    ours = [
        f"{Path(frame.filename).resolve().relative_to(REPOSITORY)}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve().is_relative_to(REPOSITORY)
    ]
    return (
        f"Something unforeseen happened with this CT ({type(error).__name__} at {ours[-1]}); "
        "please report it to the developers."
    )
