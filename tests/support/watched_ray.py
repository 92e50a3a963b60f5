"""A Ray with a dashboard, a token and a full object store, that is looked into while a job runs."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.support.planted import found_in
from tests.support.running_job import descendants, program

STORE_BYTES = 80_000_000
"""The least that Ray takes is 75 MiB."""

HELD_BYTES = 72_000_000
"""Of these, so that a few CTs do not fit and are spilled to disk."""

_MARK = b"held by the test" * 4

_HOLD = f"""
import json, logging, sys, numpy, ray
context = ray.init(
    address="local", num_cpus=3, object_store_memory={STORE_BYTES}, include_dashboard=True,
    dashboard_host="127.0.0.1", _temp_dir=sys.argv[1], log_to_driver=False,
    logging_level=logging.ERROR,
)
mark = numpy.frombuffer({_MARK!r}, numpy.uint8)
held = ray.get(ray.put(numpy.resize(mark, {HELD_BYTES})))  # in use, so it is never spilled
info = context.address_info
print(json.dumps([info["gcs_address"], info["webui_url"], info["session_dir"]]), flush=True)
sys.stdin.read()
ray.shutdown()
"""

PAGES = (
    "api/jobs/", "api/v0/tasks?detail=1", "api/v0/tasks/summarize", "api/v0/actors?detail=1",
    "api/v0/objects?detail=1", "api/v0/workers?detail=1", "api/v0/nodes?detail=1",
    "api/v0/runtime_envs?detail=1", "api/v0/placement_groups?detail=1", "nodes?view=summary",
    "logical/actors", "api/v0/cluster_events", "api/component_activities", "api/cluster_metadata",
)  # fmt: skip
"""Of the dashboard of Ray 2.60."""


@dataclass
class WatchedRay:
    """What was seen of it.

    Attributes:
        env: leads a job to it.
        url: of its dashboard.
        session: its folder, with its logs; it stays until the end of the block.
        spilled: holds every file that it has spilled, even those that it has deleted since.
        in_store: identifying texts that were in the object store's memory at some time.
        looks: times that memory was read.
        answers: of the dashboard, by page: all that was said while the job ran.
    """

    env: dict[str, str]
    url: str
    session: Path
    spilled: Path
    _raylet: int
    _held: dict[str, int] = field(default_factory=dict)
    in_store: set[str] = field(default_factory=set)
    controls: dict[bytes, bool] = field(default_factory=dict)
    looks: int = 0
    answers: dict[str, set[bytes]] = field(default_factory=dict)

    def look(self) -> None:
        """Once, at everything that comes and goes."""
        for file in self.session.glob("ray_spilled_objects*/*"):
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(file, self.spilled / file.name)
        with contextlib.suppress(FileNotFoundError):
            memory = self._store_memory()
            self.in_store |= found_in(memory)
            self.controls |= {text: True for text in self.controls if text in memory}
            self.looks += 1

    def ask_dashboard(self) -> None:
        """Every page, with the token."""
        token = {"Authorization": f"Bearer {self.env['RAY_AUTH_TOKEN']}"}
        for page in PAGES:
            with contextlib.suppress(requests.RequestException):
                answer = requests.get(f"{self.url}/{page}", headers=token, timeout=20)
                if answer.ok:
                    self.answers.setdefault(page, set()).add(answer.content)

    def _store_memory(self) -> bytes:
        """All of it but what we hold. The raylet has opened its files, which have no names.

        What fits neither the store nor the disk's share goes to further files of that kind.
        """
        memory = b""
        for file in Path(f"/proc/{self._raylet}/fd").iterdir():
            name = str(file.readlink())
            if "/plasma" in name:
                if name not in self._held:
                    self._held[name] = file.read_bytes().find(_MARK)
                with file.open("rb") as content:
                    if self._held[name] >= 0:
                        memory += content.read(self._held[name])
                        content.seek(HELD_BYTES, os.SEEK_CUR)
                    memory += content.read()
        return memory


@contextmanager
def watched_ray(controls: tuple[bytes, ...] = ()) -> Iterator[WatchedRay]:
    """Starts it, and looks into it some times a second until the end of the block.

    Args:
        controls: texts that do travel, so that a watch that sees nothing is noticed.
    """
    folder = Path(tempfile.mkdtemp(prefix="ct-", dir="/tmp"))  # short, for Ray's sockets
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder / "r")],
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        address, url, session = json.loads(holder.stdout.readline())
        (raylet,) = (pid for pid in descendants(holder.pid) if program(pid) == "raylet")
        spilled = folder / "spilled"
        spilled.mkdir()
        env |= {"RAY_ADDRESS": address}
        watched = WatchedRay(env, f"http://{url}", Path(session), spilled, raylet)
        watched.controls = dict.fromkeys(controls, False)
        stop = threading.Event()
        threads = [
            threading.Thread(target=_repeat, args=(watched.look, 0.1, stop)),
            threading.Thread(target=_repeat, args=(watched.ask_dashboard, 5.0, stop)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield watched
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            holder.stdin.close()
            holder.wait(timeout=60)
            shutil.rmtree(folder, ignore_errors=True)


def _repeat(look: Callable[[], None], every_s: float, stop: threading.Event) -> None:
    while not stop.is_set():
        look()
        time.sleep(every_s)
