"""From what the cluster has to how many of what: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from segment_actor.errors import SetupError


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the cluster.

    Attributes:
        cpus, gpus: as Ray counts them.
        memory_bytes: main memory for tasks and actors.
        store_bytes: size of its object store (shared memory).
    """

    cpus: int
    gpus: int
    memory_bytes: int
    store_bytes: int


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """How the machines are shared out.

    Attributes:
        lanes: CTs segmented side by side; each lane holds one actor a class group.
        calls_per_lane: CTs a lane holds at a time.
        cpus_per_lane, gpus_per_lane: what Ray sets aside for a lane and its group actors.
        load_tasks: CTs fetched, decoded and resampled at a time, one CPU each.
        load_memory_bytes: what Ray sets aside for one of them.
        store_limit_bytes: object store that CTs between the stages may fill.
    """

    lanes: int
    calls_per_lane: int
    cpus_per_lane: int
    gpus_per_lane: int
    load_tasks: int
    load_memory_bytes: int
    store_limit_bytes: int


LOAD_MEMORY_TIMES_FILE = 8
"""A .nii.gz has about half the size of its int16 voxels. At most these are in memory: the file, the
voxels as decoded, the same in RAS, both grids once more on their way out: 7 times the file."""

LEAST_LOAD_MEMORY_BYTES = 2**28
"""Python with its libraries, before the first voxel."""

STORE_SHARE = 0.4
"""Ray Data would take 0.5 of the object store. It does not see what a lane puts there for its
groups and what they return: 1.2 to 2 copies of the CT on the model grid, a call."""


def plan_pools(
    nodes: tuple[Node, ...],
    n_groups: int,
    largest_ct_bytes: int,
    lanes: int | None = None,
    calls_per_lane: int = 2,
) -> PoolPlan:
    """One lane a GPU; without GPUs one for as many CPUs of a node as there are groups.

    Args:
        nodes: the cluster.
        n_groups: class groups of the model set: actors of a lane, one thread each on a CPU.
        largest_ct_bytes: size of the largest series in the archive.
        lanes: wanted by the user; None lets the cluster decide.
        calls_per_lane: 2 overlaps measuring one CT with segmenting the next.

    Raises:
        SetupError: the cluster has no CPU, or fewer GPUs, or without these fewer CPUs, than the
            lanes asked for.
    """
    cpus, gpus = sum(n.cpus for n in nodes), sum(n.gpus for n in nodes)
    if cpus < 1:
        raise SetupError("The Ray cluster has no CPU; at least one is needed to read CTs.")
    if lanes and lanes > (gpus or cpus):
        has = f"{gpus} GPUs" if gpus else f"{cpus} CPUs"
        raise SetupError(f"{lanes} lanes were asked for, but the cluster has {has}.")
    count = lanes or gpus or sum(max(1, n.cpus // n_groups) for n in nodes if n.cpus)
    # Reading takes a CPU a lane: fetch, decode and resample take a fraction of the segmentation.
    load_tasks = max(1, min(count, cpus - 1))
    spare = (cpus - load_tasks) // count
    return PoolPlan(
        lanes=count,
        calls_per_lane=calls_per_lane,
        cpus_per_lane=min(spare, 1 if gpus else n_groups),
        gpus_per_lane=1 if gpus else 0,
        # a GPU finishes a CT faster than one CPU reads it: let the spare CPUs read ahead
        load_tasks=max(load_tasks, min(cpus - count, 4 * count)) if gpus else load_tasks,
        load_memory_bytes=_load_memory(nodes, largest_ct_bytes),
        store_limit_bytes=int(STORE_SHARE * sum(n.store_bytes for n in nodes)),
    )


def _load_memory(nodes: tuple[Node, ...], largest_ct_bytes: int) -> int:
    """As much as the largest CT takes, but no more than the smallest machine can grant."""
    wanted = max(LEAST_LOAD_MEMORY_BYTES, LOAD_MEMORY_TIMES_FILE * largest_ct_bytes)
    return min(wanted, min(n.memory_bytes for n in nodes if n.cpus) // 2)
