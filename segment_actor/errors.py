"""What can go wrong, in words a user understands.

Library code raises; only `jobs` turns errors into rows and exit codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class FailureCode(StrEnum):
    """Why one series has no measurements. The value is what stands in `failures.code`."""

    EMPTY_FILE = "empty_file"
    TRUNCATED_FILE = "truncated_file"
    UNREADABLE_FILE = "unreadable_file"
    NOT_3D = "not_3d"
    COLOUR_IMAGE = "colour_image"
    NOT_FINITE = "not_finite"
    BAD_SPACING = "bad_spacing"
    BAD_AFFINE = "bad_affine"
    TOO_FEW_SLICES = "too_few_slices"
    NOT_HOUNSFIELD = "not_hounsfield"
    NOT_CT = "not_ct"
    SEVERAL_SERIES = "several_series"
    MISSING_SLICE = "missing_slice"
    LOCALIZER = "localizer"
    MISSING_UID = "missing_uid"
    UID_REUSED = "uid_reused"
    COPIES_DIFFER = "copies_differ"
    INCOMPLETE_ANSWER = "incomplete_answer"
    VANISHED = "vanished"
    WORKER_DIED = "worker_died"
    TOO_LARGE = "too_large"
    UNEXPECTED = "unexpected"


class SeriesError(Exception):
    """One series cannot be measured; the run goes on.

    Args:
        code: what kind of failure.
        sentence: one sentence for a radiologist's assistant: what is wrong with this series and
            what to do about it. Never a patient's name, id, birth date, or a path.
    """

    def __init__(self, code: FailureCode, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class SetupError(Exception):
    """The job cannot run at all (exit code 2). The message names the culprit and the remedy."""


def first_few(items: Sequence[str]) -> str:
    """The first three of a list for a message, and how many more there are."""
    more = f" and {len(items) - 3:,} more" if len(items) > 3 else ""
    return ", ".join(items[:3]) + more


def shown(word: object) -> str:
    """A word of a user's file for a message: printable, in one line, of 24 characters at most."""
    text = "".join(c if c.isprintable() else " " for c in str(word)).strip()
    return text if len(text) <= 24 else f"{text[:21]}..."
