"""SIGTERM is taken note of, and the old handler comes back."""

from __future__ import annotations

import signal

from jobs.segment_run.driver.stopping import stop_on_sigterm


def test_sigterm_is_noted_and_its_handler_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_sigterm() as stop:
        noted = [stop.asked]
        signal.raise_signal(signal.SIGTERM)
        noted.append(stop.asked)
    assert noted == [False, True]
    assert signal.getsignal(signal.SIGTERM) is before
