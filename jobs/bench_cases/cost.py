"""What a call or a whole process tree costs: wall seconds, CPU seconds, peak memory."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segment_actor.errors import SetupError

SAMPLE_S = 0.25
"""Seconds between two looks at a process tree's memory; a shorter peak is missed. A look at some GB
takes tens of milliseconds, so looking more often would be part of what is timed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One run.

    Attributes:
        wall_s: seconds on the clock.
        cpu_s: user and system seconds of all processes and threads.
        peak_gb: largest sum of private and shared memory (PSS, 1e9 bytes); None if not measured.
    """

    wall_s: float
    cpu_s: float
    peak_gb: float | None = None


def cost_of_call(work: Callable[[], object]) -> Cost:
    """Runs a function in this process."""
    wall, cpu = time.perf_counter(), cpu_s()
    work()
    return Cost(time.perf_counter() - wall, cpu_s() - cpu)


def cost_of_command(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[Cost, str]:
    """Runs a command and all that it starts.

    Args:
        command: program and arguments.
        environment: variables beside those of this process.

    Returns:
        Its cost, from its start to its end, and the last line it printed.

    Raises:
        SetupError: it cannot be started or ends with an error.
    """
    wall, cpu = time.perf_counter(), cpu_s()
    try:
        process = subprocess.Popen(  # noqa: S603 - the commands of the benchmark cases
            list(command),
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        raise SetupError(f"{command[0]} cannot be started: {error.strerror}") from error
    peak = _Peak(process.pid)
    printed, errors = process.communicate()
    peak_gb = peak.stop()
    if process.returncode:
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        raise SetupError(f"{command[0]} ended with code {process.returncode}: {last}")
    cost = Cost(time.perf_counter() - wall, cpu_s() - cpu, peak_gb)
    return cost, (printed.strip().splitlines() or [""])[-1]


def cpu_s() -> float:
    """User and system seconds of this process and of all its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class _Peak:
    """Looks at a process tree's memory from a thread until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        self._stop.set()
        self._thread.join()
        return self._peak / 1e9

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self._peak = max(self._peak, sum(map(_pss_bytes, _tree(self._pid))))


def _tree(pid: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def _pss_bytes(pid: int) -> int:
    """Its memory; what it shares with others is counted in equal parts."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    lines = [line for line in rollup.splitlines() if line.startswith("Pss:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0
