"""What Ray raises, as the cause in one sentence."""

from __future__ import annotations

import re
from typing import Final

from ray.exceptions import RayError

_RAISED: Final = re.compile(r"\s*[\w.]+Error: ")
"""The line of a traceback that says what was wrong."""


def cause_of(error: RayError) -> str:
    """What our code said there with a `SetupError`, or the error there, or Ray's own first line."""
    lines = str(error).splitlines() or [type(error).__name__]
    said = [line.partition("SetupError: ")[2] for line in lines if "SetupError: " in line]
    raised = [line.strip() for line in lines if _RAISED.match(line)]
    return [lines[0], *raised, *said][-1]
