"""A Ray on this machine for all tests of a session, in a process of its own.

Each job could start its own, as the demo does, but that takes longer than the jobs' work; and in
pytest's own process Ray leaves warnings behind, which are errors here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_HOLD = """
import logging, sys, ray
context = ray.init(
    address="local", num_cpus=2, object_store_memory=400_000_000, include_dashboard=False,
    log_to_driver=False, logging_level=logging.ERROR,
)
print(context.address_info["gcs_address"], flush=True)
sys.stdin.read()
ray.shutdown()
"""


@contextmanager
def running_cluster() -> Iterator[dict[str, str]]:
    """Yields the environment that leads a job to the cluster."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        address = holder.stdout.readline().strip()
        assert address, "Ray did not start"
        yield {"RAY_ADDRESS": address, "RAY_AUTH_MODE": "token"}
        holder.stdin.close()
        holder.wait(timeout=30)
