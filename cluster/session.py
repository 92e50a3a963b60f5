"""The connection to Ray: this job's cluster, a named one, or this machine for the run's time."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import ray

from cluster.open_to_all import is_open
from cluster.pools import Node
from cluster.session_folder import session_folder
from segment_actor.errors import SetupError

log = logging.getLogger(__name__)

IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Ray sets this variable for the entrypoint of `ray job submit`, which has shipped the code."""

KNOCK_S = 10.0
"""A head that does not take a connection by then is gone."""

_ROOT = str(Path(__file__).parents[1])


@contextmanager
def connect(
    address: str | None, code: Sequence[ModuleType] = (), *, allow_open_cluster: bool = False
) -> Iterator[tuple[Node, ...]]:
    """Connects to Ray and leaves nothing behind.

    Args:
        address: host:port of a cluster; None is the cluster of this job or of RAY_ADDRESS, and
            without these a Ray on this machine that ends with the block.
        code: our top-level packages, which workers take before files of these names in the user's
            folder; they are shipped to a cluster when this is not a job of it.
        allow_open_cluster: join one that asks nobody for a token.

    Yields:
        The machines of the cluster. A Ray that this process had already is used and left alone.

    Raises:
        SetupError: Ray does not start here, the cluster does not answer within a minute or asks
            nobody for a token, or the address is not a cluster's.
    """
    if ray.is_initialized():
        yield _nodes()
        return
    _quiet()
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    with session_folder() if address == "local" else nullcontext() as folder:
        try:
            if folder:
                _start(code, folder)
            else:
                _join(address, code)
                _refuse_open(address, allowed=allow_open_cluster)
            yield _nodes()
        finally:
            ray.shutdown()


class Watch:
    """Notices that Ray is gone under a run, before Ray ends this process for it without a word.

    It does so 60 s after its head has died, and 15 s after its process on this machine has.
    """

    def __init__(self) -> None:
        """Inside of `connect`."""
        here = ray.get_runtime_context()
        node = next(n for n in ray.nodes() if n["NodeID"] == here.get_node_id())
        raylet = f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"
        # a head may be started again; a machine that lost its raylet is no part of the cluster
        self._doors = {
            "head process (GCS)": Door(here.gcs_address, patience=15),
            "process on this machine (raylet)": Door(raylet, patience=3),
        }

    def gone(self) -> str | None:
        """Name of the part of Ray that is gone, if one is; to be asked once a second."""
        return next((name for name, door in self._doors.items() if door.is_shut()), None)


@dataclass
class Door:
    """An address that takes connections as long as somebody is there.

    Attributes:
        address: host:port.
        patience: knocks in a row without an answer until nobody is.
        unanswered: such knocks so far.
    """

    address: str
    patience: int
    unanswered: int = 0

    def is_shut(self) -> bool:
        """Knocks once."""
        try:
            _knock(self.address)
        except OSError:
            self.unanswered += 1
        else:
            self.unanswered = 0
        return self.unanswered >= self.patience


# Workers' own lines stay in the session's log folder, so that the progress line stays readable;
# what becomes of each CT comes back as a row.
_SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}


def _start(code: Sequence[ModuleType], folder: str) -> None:
    # Who has no token is shut out. Ray's own default, unless a mode is set, as for some cluster.
    os.environ.pop("RAY_AUTH_MODE", None)
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        # Ray would write a token into ~/.ray, and a service's user may have no home
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    env = {"worker_process_setup_hook": _import_first(code, _ROOT)} if code else None
    with _InASentence("Ray did not start on this machine", "Try again when it is less busy."):
        ray.init(
            address="local",
            include_dashboard=False,
            runtime_env=env,
            _temp_dir=folder,
            **_SILENT,
        )


def _join(address: str, code: Sequence[ModuleType]) -> None:
    if "://" in address:
        raise SetupError(
            f"{address} is not the address of a cluster (host:port, or auto). To go through its "
            "dashboard: ray job submit --working-dir . -- python -m jobs.segment ..."
        )
    # Ray asks 20 times, 41 s each, before it says that what is there is no head
    os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")
    # Ray refuses a second runtime_env inside a job. Secrets never go into one: it can be read by
    # everybody who may look at the job; nodes have their own AWS_* variables or files.
    shipped = {"py_modules": list(code), "worker_process_setup_hook": _import_first(code)}
    env = None if IN_A_JOB in os.environ or not code else shipped
    advice = (
        "If it asks for a token, set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or "
        "RAY_AUTH_TOKEN_PATH."
    )
    with _InASentence(f"The Ray cluster at {address} does not answer", advice):
        _knock(address)
        ray.init(address=address, runtime_env=env, **_SILENT)


def _refuse_open(address: str, *, allowed: bool) -> None:
    if not allowed and is_open(ray.get_runtime_context().gcs_address):
        raise SetupError(
            f"The Ray cluster at {address} asks nobody for a token: whoever reaches its ports can "
            "run code there and read the voxels of patients. Start it with RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN_PATH on every node (docs/how-to/cluster.md). If nobody else reaches "
            "its network, say --allow-open-cluster."
        )


def _knock(address: str) -> None:
    """Finds out at once that nobody is there; `auto` and the like are left to Ray."""
    host, _, port = address.rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


_RAY_ERRORS: Final = (OSError, RuntimeError, ValueError, ray.exceptions.RayError)


@dataclass(frozen=True)
class _InASentence:
    """Turns what Ray raises when it does not come up into a `SetupError`.

    Ray raises some of it as `Exception` itself ("The current node timed out during startup"): that
    class is caught, and none of those derived from it but `_RAY_ERRORS`.
    """

    what: str
    advice: str

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if kind is Exception or isinstance(error, _RAY_ERRORS):
            reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
            raise SetupError(f"{self.what}: {reason}. {self.advice}") from error


def _import_first(code: Sequence[ModuleType], root: str | None = None) -> Callable[[], None]:
    """What each worker does first: it imports our packages.

    Before its first task Ray puts the user's current folder in front of a worker's path, where a
    stats.py of theirs would take the place of ours. What is imported by then stays.

    Args:
        code: the packages.
        root: the folder that holds them; None where Ray has shipped them.
    """
    names = [package.__name__ for package in code]

    def import_ours() -> None:  # a function in a function travels as a whole, not by its name
        sys.path[:0] = [root] if root else []
        for name in names:
            importlib.import_module(name)
        del sys.path[: bool(root)]

    return import_ours


def _quiet() -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a hospital's machine calls nobody
    # Ray's C++ side says on the driver's stderr what only its developers understand; the daemons of
    # a local Ray inherit this. For their logs: RAY_BACKEND_LOG_LEVEL=info.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)


def _nodes() -> tuple[Node, ...]:
    alive = (node["Resources"] for node in ray.nodes() if node["Alive"])
    return tuple(
        Node(
            cpus=int(has.get("CPU", 0)),
            gpus=int(has.get("GPU", 0)),
            memory_bytes=int(has.get("memory", 0)),
            store_bytes=int(has.get("object_store_memory", 0)),
        )
        for has in alive
    )
