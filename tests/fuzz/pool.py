"""Runs cases in child processes that are watched, and used again as long as they live.

A child makes its cases itself, from the seed: functions cannot be sent, and the parent can make a
case again that took its process with it.
"""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import resource
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from tests.fuzz.case import Case, Judged, Verdict, judge

SLOWEST_S = 20.0
"""Of processor time: a busy machine is slow, not wrong."""

HUNGRIEST_BYTES = 2 * 2**30

CHUNK = 50
"""Cases that one child makes one after the other, of one random generator."""

_HANGS_S = 3 * SLOWEST_S  # of run and reference together; then the child is ended
_ADDRESS_BYTES = 12 * 2**30  # a child that asks for more gets a MemoryError, not the machine


@dataclass(frozen=True)
class Chunk:
    """Which cases: the first `count` of a target's `cases` with this seed and number."""

    target: str
    seed: int
    number: int
    count: int

    def cases(self) -> Iterator[Case]:
        """The same ones every time."""
        source = importlib.import_module(f"tests.fuzz.targets.{self.target}").cases
        key = [self.seed, zlib.crc32(self.target.encode()), self.number]
        return itertools.islice(source(np.random.default_rng(key)), self.count)


def targets() -> list[str]:
    """Names of the modules in `targets`."""
    folder = Path(__file__).parent / "targets"
    return sorted(file.stem for file in folder.glob("*.py"))


def chunks(names: list[str], seed: int, inputs: int) -> list[Chunk]:
    """`inputs` cases, as many of each target."""
    plan = []
    for n, target in enumerate(names):
        count = inputs // len(names) + (n < inputs % len(names))
        starts = range(0, count, CHUNK)
        plan += [
            Chunk(target, seed, k, min(CHUNK, count - start)) for k, start in enumerate(starts)
        ]
    return plan


def run_chunks(plan: list[Chunk], processes: int) -> Iterator[tuple[Chunk, int, Judged]]:
    """Yields (chunk, number of the case in it, verdict) for every case."""
    idle: SimpleQueue[_Child] = SimpleQueue()
    for _ in range(processes):
        idle.put(_Child())
    with ThreadPoolExecutor(processes) as threads:  # one waits for each child
        judged = threads.map(partial(_run_chunk, idle), plan)
        for chunk, verdicts in zip(plan, judged, strict=True):
            yield from ((chunk, n, one) for n, one in enumerate(verdicts))
    for _ in range(processes):
        idle.get().end()


def _run_chunk(idle: SimpleQueue[_Child], chunk: Chunk) -> list[Judged]:
    child = idle.get()
    judged: list[Judged] = []
    while len(judged) < chunk.count:
        child.ask(chunk, len(judged))
        judged += child.answers()
        if len(judged) < chunk.count or child.spoiled:
            judged += [child.last_words()] if len(judged) < chunk.count else []
            child.end()
            child = _Child()
    idle.put(child)
    return judged


class _Child:
    """One process and what it still owes."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._owed = 0
        self._hangs = False
        self.spoiled = False  # it has held much memory, and would keep some

    def ask(self, chunk: Chunk, first: int) -> None:
        """To judge the cases of a chunk from `first` on."""
        self._ours.send((chunk, first))
        self._owed = chunk.count - first

    def answers(self) -> Iterator[Judged]:
        """What it says, until all is said, it is silent for too long, or it is gone."""
        while self._owed:
            if not self._ours.poll(_HANGS_S):
                self._hangs = True
                return
            try:
                judged: Judged = self._ours.recv()
            except EOFError:
                return
            self._owed -= 1
            self.spoiled = self.spoiled or judged.verdict is Verdict.HUNGRY
            yield judged

    def last_words(self) -> Judged:
        """For the case at which it stopped answering."""
        if self._hangs:
            return Judged("?", Verdict.SLOW, f"no answer in {_HANGS_S:.0f} s")
        self._process.join()
        return Judged("?", Verdict.CRASHED, f"the process ended with {self._process.exitcode}")

    def end(self) -> None:
        """At once."""
        self._process.kill()
        self._process.join()
        self._ours.close()


def _serve(connection: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_BYTES, _ADDRESS_BYTES))
    while True:
        try:
            chunk, first = connection.recv()
        except EOFError:  # the parent is gone
            return
        for case in itertools.islice(chunk.cases(), first, None):
            connection.send(_watched(case))


def _watched(case: Case) -> Judged:
    """Judges a case; what it needed counts as a fault where it is too much."""
    needed: list[float] = []
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest memory so far
    start, before_bytes = time.process_time(), _peak_bytes()  # a reference may keep what it took
    judged = judge(
        case,
        ran=lambda: needed.extend((time.process_time() - start, _peak_bytes() - before_bytes)),
    )
    seconds, peak_bytes = needed
    if seconds > SLOWEST_S:
        return Judged(case.name, Verdict.SLOW, f"{seconds:.0f} s; {judged.verdict}")
    if peak_bytes > HUNGRIEST_BYTES:
        return Judged(case.name, Verdict.HUNGRY, f"{peak_bytes / 2**30:.1f} GiB; {judged.verdict}")
    return judged


def _peak_bytes() -> int:
    """The most memory that this process has held since it was told to forget."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) * 1024
