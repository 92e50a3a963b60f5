"""A Ray on this machine for many jobs, in a process of its own.

Each job could start its own, as the demo does, but that takes longer than the jobs' work; and in
pytest's own process Ray leaves warnings behind, which are errors here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
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

_STARTS = 5
"""Ray gives up when its own agents take more than 30 s to start, as on a machine busy with other
things they do."""


@contextmanager
def running_cluster(env: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """Yields the environment that leads a job to the cluster.

    Args:
        env: of the cluster's workers, beside this process's.
    """
    for _ in range(_STARTS):
        with subprocess.Popen(
            [sys.executable, "-c", _HOLD],
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            if address := holder.stdout.readline().strip():
                yield {"RAY_ADDRESS": address, "RAY_AUTH_MODE": "token"}
                holder.stdin.close()
                holder.wait(timeout=60)
                return
            holder.kill()  # its own agents did not start, and it might wait for them for ever
    raise RuntimeError(f"Ray did not start in {_STARTS} tries")
