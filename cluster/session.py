"""The connection to Ray: this job's cluster, a named one, or this machine for the run's time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import ray

from cluster.pools import Node
from segment_actor.errors import SetupError

log = logging.getLogger(__name__)

IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Ray sets this variable for the entrypoint of `ray job submit`, which has shipped the code."""


@contextmanager
def connect(address: str | None, code: Sequence[ModuleType] = ()) -> Iterator[tuple[Node, ...]]:
    """Connects to Ray and leaves nothing behind.

    Args:
        address: host:port of a cluster; None is the cluster of this job or of RAY_ADDRESS, and
            without these a Ray on this machine that ends with the block.
        code: packages to ship to a cluster when this is not a job of it.

    Yields:
        The machines of the cluster. A Ray that this process had already is used and left alone.

    Raises:
        SetupError: the cluster does not answer, or the address is not a cluster's.
    """
    if ray.is_initialized():
        yield _nodes()
        return
    _quiet()
    if address is None and "RAY_ADDRESS" not in os.environ:
        ray.init(address="local", include_dashboard=False, **_SILENT)
    else:
        _join(address or os.environ["RAY_ADDRESS"], code)
    try:
        yield _nodes()
    finally:
        ray.shutdown()


# Workers' own lines stay in the session's log folder, so that the progress line stays readable;
# what becomes of each CT comes back as a row.
_SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}


def _join(address: str, code: Sequence[ModuleType]) -> None:
    if "://" in address:
        raise SetupError(
            f"{address} is not the address of a cluster (host:port, or auto). To go through its "
            "dashboard: ray job submit --working-dir . -- python -m jobs.segment ..."
        )
    # Ray refuses a second runtime_env inside a job. Secrets never go into one: it can be read by
    # everybody who may look at the job; nodes have their own AWS_* variables or files.
    env = None if IN_A_JOB in os.environ or not code else {"py_modules": list(code)}
    try:
        ray.init(address=address, runtime_env=env, **_SILENT)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SetupError(
            f"The Ray cluster at {address} does not answer: {reason}. If it asks for a token, set "
            "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH."
        ) from error


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
