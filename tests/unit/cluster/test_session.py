"""Addresses that are none, and what Ray may not do behind our back; real runs are in tests/ray."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from cluster.session import Door, connect
from segment_actor.errors import SetupError


@pytest.mark.parametrize("address", ["ray://head:10001", "http://127.0.0.1:8265"])
def test_the_address_of_a_dashboard_or_of_ray_client_is_refused_with_the_way_to_go(
    address: str,
) -> None:
    with pytest.raises(SetupError, match="ray job submit"), connect(address):
        pass


def test_a_cluster_that_is_gone_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(SetupError, match=f"{address} does not answer: .*refused"), connect(address):
        pass


def test_a_door_is_shut_after_so_many_knocks_in_a_row_without_an_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        door = Door(f"127.0.0.1:{server.getsockname()[1]}", patience=2, unanswered=1)
        assert [door.is_shut(), door.unanswered] == [False, 0]
    assert [door.is_shut(), door.is_shut()] == [False, True]


def test_who_asks_ray_for_something_after_the_run_starts_no_new_one() -> None:
    code = "import cluster, ray\ntry: ray.put(1)\nexcept Exception as e: print(type(e).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "RaySystemError\n"
