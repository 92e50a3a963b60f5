"""SIGTERM, as `ray job stop` and Kubernetes send it: finish the commit at hand, then end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class StopRequest:
    """Whether somebody asked this process to end."""

    asked: bool = False


@contextmanager
def stop_on_sigterm() -> Iterator[StopRequest]:
    """Inside, SIGTERM only takes note; the loop that asks every second acts on it.

    Enter it after Ray has started, which sets a handler of its own.
    """
    request = StopRequest()

    def note(_signal: int, _frame: FrameType | None) -> None:
        request.asked = True

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield request
    finally:
        signal.signal(signal.SIGTERM, before)
