"""A `ctcohort segment` of its own process, its workers, and what it leaves in the tables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segment_actor.errors import SetupError
from stats.query import connect
from stats.tables.schema import SCHEMAS

REPOSITORY = Path(__file__).parents[2]

SECRET = "a site secret only for tests"  # noqa: S105  # it guards nothing

NOT_OF_THE_CT = {"run_id", "commit_seq", "run_date"}
"""Columns that differ between two runs over the same CTs, beside the timings (`*_s`)."""


@dataclass(frozen=True)
class Job:
    """A running driver.

    Attributes:
        process: the driver.
        tables: where it writes.
    """

    process: subprocess.Popen[str]
    tables: str

    def workers(self, title: str) -> list[int]:
        """Process ids of Ray workers at work whose title contains this, e.g. `Map(load)`."""
        return [pid for pid in descendants(os.getpid()) if title in _title(pid)]

    def kill_worker(self, title: str, within_s: float = 200.0) -> None:
        """Waits for such a worker and ends it as the kernel's out-of-memory killer would."""
        found: list[int] = self._wait_for(lambda: self.workers(title), within_s, every_s=0.01)
        os.kill(found[0], signal.SIGKILL)

    def kill_raylet(self) -> None:
        """Ends the raylet of a Ray that the job has started itself."""
        (raylet,) = (pid for pid in descendants(self.process.pid) if program(pid) == "raylet")
        os.kill(raylet, signal.SIGKILL)

    def wait_for_scans(self, count: int, within_s: float = 200.0) -> None:
        """Until so many scans are committed."""
        self._wait_for(lambda: _scans(self.tables) >= count, within_s, every_s=0.3)

    def finish(self, within_s: float = 240.0) -> tuple[int, str]:
        """Exit code and what it said."""
        said, _ = self.process.communicate(timeout=within_s)
        return self.process.returncode, said

    def _wait_for(self, look: Callable[[], Any], within_s: float, every_s: float) -> Any:
        deadline = time.monotonic() + within_s
        while self.process.poll() is None and time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(every_s)
        self.process.kill()
        raise TimeoutError(f"not seen; the job said:\n{self.process.communicate()[0]}")


@contextmanager
def running_job(
    archive: str,
    tables: str,
    model_set: Path,
    *flags: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = REPOSITORY,
) -> Iterator[Job]:
    """Starts `ctcohort segment`; nothing of it outlives the block.

    As its script does, it looks for our packages anywhere but in the current folder (-P).
    """
    command = [
        sys.executable, "-P", "-m", "jobs.segment", "--archive", archive, "--tables", tables,
        "--model-set", str(model_set), "--commit-every-cts", "1", "--commit-every-s", "1", *flags,
    ]  # fmt: skip
    site = TemporaryDirectory(prefix="ctcohort-test-site-")
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "CTCOHORT_SITE_SECRET": SECRET,
            # beside it lies the index, which must be none of another test
            "CTCOHORT_SITE_SECRET_FILE": f"{site.name}/secret",
            **(env or {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Job(process, tables)
    finally:
        left = descendants(process.pid)
        process.kill()
        process.communicate()
        _end(left)
        site.cleanup()


def committed(tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of scans, structures and failures, sorted, without what belongs to a run."""
    with connect(tables) as database:
        return {
            name: sorted(database.table(name).select(*_columns(name)).fetchall(), key=repr)
            for name in ("scans", "structures", "failures")
        }


def _scans(tables: str) -> int:
    try:
        return len(committed(tables)["scans"])
    except SetupError:  # the job has not made its tables yet
        return 0


def _columns(name: str) -> list[str]:
    names = SCHEMAS[name].names
    return [c for c in names if c not in NOT_OF_THE_CT and not c.endswith("_s")]


def descendants(pid: int) -> list[int]:
    """Processes that this one has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):  # it ended meanwhile
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found[1:]


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def program(pid: int) -> str:
    """What it runs."""
    return Path(_title(pid).partition("\0")[0]).name


def _end(pids: list[int]) -> None:
    """A killed driver's daemons notice it after some seconds; a test does not wait for that."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
