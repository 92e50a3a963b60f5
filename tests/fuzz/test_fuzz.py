"""A few hundred hostile inputs each time; `python -m tests.fuzz` takes as many as wanted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from segment_actor.errors import FailureCode, SeriesError
from tests.fuzz.case import FAULTS, Arrays, Case, Verdict, judge
from tests.fuzz.pool import chunks, run_chunks, targets


def test_no_hostile_input_crashes_misleads_or_exhausts() -> None:
    found = run_chunks(chunks(targets(), seed=0, inputs=500), processes=2)
    faults = [
        f"{chunk.target} {chunk.number}.{n} {one.name}: {one.verdict}\n{one.detail}"
        for chunk, n, one in found
        if one.verdict in FAULTS
    ]
    assert not faults, "\n".join(faults)


def refuse() -> Arrays:
    raise SeriesError(FailureCode.BAD_AFFINE, "Left and right are unknown.")


def refuse_badly() -> Arrays:
    raise SeriesError(FailureCode.UNEXPECTED, "Traceback:\n  line 1")


def quote() -> Arrays:
    raise SeriesError(FailureCode.NOT_CT, "The series is SECRET^NAME's, and no CT.")


def crash() -> Arrays:
    return (np.zeros(3)[[7]],)


def warn() -> Arrays:
    return (np.log(np.zeros(1)),)


@pytest.mark.parametrize(
    ("run", "reference", "verdict"),
    [
        (refuse, None, Verdict.REFUSED),
        (refuse_badly, None, Verdict.NO_SENTENCE),
        (quote, None, Verdict.QUOTED),
        (crash, None, Verdict.CRASHED),
        (warn, None, Verdict.CRASHED),
        (tuple, None, Verdict.ACCEPTED),
        (lambda: (np.ones(2),), lambda: (np.ones(2),), Verdict.EQUAL),
        (lambda: (np.ones(2),), lambda: (np.ones(3),), Verdict.DIFFERENT),
        (lambda: (np.ones(2),), lambda: (np.zeros(2),), Verdict.DIFFERENT),
        (lambda: (np.ones(2),), crash, Verdict.UNREAD),
    ],
)
def test_each_verdict_is_found(
    run: Callable[[], Arrays], reference: Callable[[], Arrays] | None, verdict: Verdict
) -> None:
    assert judge(Case("made", {}, run, reference)).verdict is verdict
