"""One hostile input, and the verdict on what the product made of it.

A target is a module of `tests/fuzz/targets` with one function

    cases(rng: np.random.Generator) -> Iterator[Case]

that yields for ever, and the same cases for the same generator: a case that killed its process is
made again from the seed.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from segment_actor.errors import SeriesError, SetupError
from tests.support.ct_files import IDENTIFYING

Arrays = tuple[npt.NDArray[Any], ...]
"""What was read: whatever two readers can be compared by, such as the voxels and the affine."""

T = TypeVar("T")

LONGEST_SENTENCE = 600
"""Characters of a refusal. A longer one is a dump, no sentence."""


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        name: what was done to it.
        inputs: file name to content, for a finding to be kept.
        run: the product reads it. Returns what it accepted, () where that is nothing to compare.
        reference: what an independent reader makes of the same input; None without such a reader.
            It may raise whatever it likes: then it has no opinion.
    """

    name: str
    inputs: Mapping[str, bytes] = field(repr=False)
    run: Callable[[], Arrays] = field(repr=False)
    reference: Callable[[], Arrays] | None = field(default=None, repr=False)


class Verdict(StrEnum):
    """What became of one input."""

    REFUSED = "refused with a sentence"
    EQUAL = "accepted, equal to the reference"
    ACCEPTED = "accepted, without a reference"
    UNREAD = "accepted, the reference cannot read it"
    DIFFERENT = "accepted, different from the reference"
    NO_SENTENCE = "refused without a sentence"
    QUOTED = "refused with a text of the header"
    CRASHED = "another exception"
    SLOW = "too slow"
    HUNGRY = "too much memory"


FAULTS = frozenset(
    {
        Verdict.DIFFERENT, Verdict.NO_SENTENCE, Verdict.QUOTED, Verdict.CRASHED, Verdict.SLOW,
        Verdict.HUNGRY,
    }
)  # fmt: skip
"""Verdicts that must not occur."""


@dataclass(frozen=True)
class Judged:
    """A case and its verdict.

    Attributes:
        name: of the case.
        verdict: what became of it.
        detail: the sentence, the exception, or the difference.
    """

    name: str
    verdict: Verdict
    detail: str = ""


def judge(case: Case, ran: Callable[[], None] = lambda: None) -> Judged:
    """Runs the product on a case, then the reference.

    Args:
        case: the case.
        ran: called between the two.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # of numpy: a number went wrong
        accepted = attempt(case.run)
    ran()
    if isinstance(accepted, SeriesError | SetupError):
        return _of_refusal(case, accepted)
    if isinstance(accepted, Exception):
        return Judged(case.name, Verdict.CRASHED, "".join(traceback.format_exception(accepted)))
    return _compared(case, accepted)


def attempt(call: Callable[[], T]) -> T | Exception:
    """What a call returns, or raises.

    The one place of the tests that catches whatever comes: crashes are what is looked for, and a
    foreign reader raises what it likes.
    """
    try:
        return call()
    except Exception as error:  # noqa: BLE001  # as said above
        return error


def _of_refusal(case: Case, refusal: SeriesError | SetupError) -> Judged:
    sentence = refusal.sentence if isinstance(refusal, SeriesError) else str(refusal)
    if any(text.lower() in sentence.lower() for text in IDENTIFYING):
        return Judged(case.name, Verdict.QUOTED, sentence)
    says = 10 < len(sentence) < LONGEST_SENTENCE and sentence.isprintable()
    return Judged(case.name, Verdict.REFUSED if says else Verdict.NO_SENTENCE, sentence)


def _compared(case: Case, accepted: Arrays) -> Judged:
    if case.reference is None:
        return Judged(case.name, Verdict.ACCEPTED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = attempt(case.reference)
    if isinstance(expected, Exception):
        return Judged(case.name, Verdict.UNREAD, f"{type(expected).__name__}: {expected}")
    for n, (ours, theirs) in enumerate(zip(accepted, expected, strict=True)):
        if ours.shape != theirs.shape:
            return Judged(case.name, Verdict.DIFFERENT, f"array {n}: {ours.shape}, {theirs.shape}")
        if not np.allclose(ours, theirs, rtol=1e-9, atol=0.0):
            at = np.unravel_index(np.argmax(ours != theirs), ours.shape)
            detail = f"array {n}, at {tuple(map(int, at))}: {ours[at]}, not {theirs[at]}"
            return Judged(case.name, Verdict.DIFFERENT, detail)
    return Judged(case.name, Verdict.EQUAL)
