"""From machines to lanes: arithmetic small enough to check by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.pools import LEAST_LOAD_MEMORY_BYTES, Node, PoolPlan, plan_pools
from segment_actor.errors import SetupError

GIB = 2**30
CT_BYTES = 100 * 2**20


def machine(cpus: int, gpus: int = 0) -> Node:
    return Node(cpus, gpus, memory_bytes=16 * GIB, store_bytes=10 * GIB)


def plan(*nodes: Node, **wanted: int) -> PoolPlan:
    return plan_pools(nodes, 5, CT_BYTES, **wanted)


@pytest.mark.parametrize(
    ("cpus", "lanes", "cpus_per_lane", "load_tasks"),
    [(1, 1, 0, 1), (2, 1, 1, 1), (6, 1, 5, 1), (12, 2, 5, 2), (16, 3, 4, 3)],
)
def test_on_cpus_a_lane_has_as_many_as_groups_and_reading_has_its_own(
    cpus: int, lanes: int, cpus_per_lane: int, load_tasks: int
) -> None:
    got = plan(machine(cpus))
    assert (got.lanes, got.cpus_per_lane, got.load_tasks) == (lanes, cpus_per_lane, load_tasks)


def test_each_gpu_is_a_lane_and_spare_cpus_read_ahead() -> None:
    got = plan(machine(64, gpus=8))
    assert (got.lanes, got.gpus_per_lane, got.cpus_per_lane, got.load_tasks) == (8, 1, 1, 32)


def test_every_machine_with_a_cpu_gets_a_lane_and_a_bare_head_none() -> None:
    assert plan(machine(2), machine(2), machine(0)).lanes == 2


def test_the_user_decides_lanes_and_calls() -> None:
    got = plan(machine(8), lanes=4, calls_per_lane=1)
    assert (got.lanes, got.calls_per_lane, got.cpus_per_lane) == (4, 1, 1)


def test_more_lanes_than_gpus_are_refused() -> None:
    with pytest.raises(SetupError, match="3 lanes were asked for, but the cluster has 2 GPUs"):
        plan(machine(8, gpus=2), lanes=3)


def test_more_lanes_than_cpus_are_refused_where_there_is_no_gpu() -> None:
    with pytest.raises(SetupError, match="9 lanes were asked for, but the cluster has 8 CPUs"):
        plan(machine(8), lanes=9)


def test_a_cluster_without_cpus_is_refused() -> None:
    with pytest.raises(SetupError, match="no CPU"):
        plan(machine(0))


def test_a_load_task_reserves_eight_times_the_largest_file_within_what_a_machine_has() -> None:
    assert plan(machine(2)).load_memory_bytes == 8 * CT_BYTES
    assert plan_pools((machine(2),), 5, 4 * GIB).load_memory_bytes == 8 * GIB
    assert plan_pools((machine(2),), 5, 1).load_memory_bytes == LEAST_LOAD_MEMORY_BYTES


@given(
    cpus=st.lists(st.integers(0, 128), min_size=1, max_size=6).filter(any),
    groups=st.integers(1, 9),
)
def test_a_plan_never_sets_aside_more_cpus_than_there_are(cpus: list[int], groups: int) -> None:
    got = plan_pools(tuple(machine(n) for n in cpus), groups, CT_BYTES)
    assert got.lanes >= 1
    assert got.load_tasks >= 1
    assert got.lanes * got.cpus_per_lane + got.load_tasks <= max(sum(cpus), 1)
