"""The whole run as one Ray Data expression.

    series of the index -> load (CPU tasks) -> lanes (an actor pool) -> outcomes, one small row a CT

A CT that fails travels on as an outcome with stand-in voxels; the rest never notices.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence

import ray.data
from ray.data import ActorPoolStrategy, DataContext, Dataset, TaskPoolStrategy

from cluster.pools import PoolPlan
from jobs.archive.grouping.series import Series
from jobs.archive.index import Index
from jobs.segment_run.actors import Actors, start_actors
from jobs.segment_run.identities import REMOVED
from jobs.segment_run.lane.actor import Lane, LaneSettings
from jobs.segment_run.load import COLUMNS, LoadSettings, load
from jobs.segment_run.outcome import Outcome

SHARD_CTS = 2000
"""CTs in one dataset. Ray Data keeps some 14 kB a CT in the driver until a dataset ends; before the
next one the lanes load their models anew, seconds after hours."""


def outcomes(
    index: Index,
    series: Sequence[Series],
    load_settings: LoadSettings,
    lane: LaneSettings,
    plan: PoolPlan,
) -> Generator[Outcome]:
    """Works on every series; outcomes come in any order, as they end.

    Lazy: nothing runs before the first is asked for.
    Memory is bounded by four things: one CT a block (Ray Data never splits a row), as many load
    tasks as the plan says, no more CTs waiting at a lane than it holds, and the share of the object
    store that everything in between may fill. With S bytes of a CT as int16 that is about
    1.5 S x (load_tasks + lanes x calls_per_lane + 2).
    """
    _bound(plan.store_limit_bytes)
    dicom = lane.dicom
    actors = start_actors(index, hides=dicom is not None and dicom.identity == REMOVED)
    for first in range(0, len(series), SHARD_CTS):
        shard = series[first : first + SHARD_CTS]
        for row in _dataset(shard, load_settings, lane, plan, actors).iter_rows():
            yield row["outcome"]


def _dataset(
    series: Sequence[Series],
    load_settings: LoadSettings,
    lane: LaneSettings,
    plan: PoolPlan,
    actors: Actors,
) -> Dataset:
    """The expression. Its rows: outcome."""
    rows = [{name: getattr(one, name) for name in COLUMNS} for one in series]
    return (
        ray.data.from_items(rows, override_num_blocks=len(rows))
        .map(
            load,  # type: ignore[arg-type]  # map is typed for functions of the row alone
            fn_kwargs={"settings": load_settings, "actors": actors},
            compute=TaskPoolStrategy(size=plan.load_tasks),
            num_cpus=1,
            # beside its purpose: Ray Data fuses two stages that ask for the same, and a fused lane
            # would read its CTs itself
            memory=plan.load_memory_bytes,
        )
        .map(
            Lane,  # type: ignore[arg-type]  # map is typed for functions, and takes classes
            fn_constructor_kwargs={"settings": lane, "actors": actors},
            compute=ActorPoolStrategy(
                size=plan.lanes,  # work begins with the first that is up, and none goes idle
                max_concurrent_calls_per_actor=plan.calls_per_lane,
                max_tasks_in_flight_per_actor=plan.calls_per_lane,
                enable_true_multi_threading=True,
            ),
            num_cpus=plan.cpus_per_lane,
            num_gpus=plan.gpus_per_lane,
        )
    )


def _bound(store_bytes: int) -> None:
    context = DataContext.get_current()
    context.enable_progress_bars = False  # ours counts CTs, which is what people ask for
    options = context.execution_options
    options.resource_limits = options.resource_limits.copy(object_store_memory=store_bytes)
    # what Ray Data would log of an error is raised as well, and ends the run in one sentence
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
