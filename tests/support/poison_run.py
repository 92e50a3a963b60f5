"""Works on an archive with poisonous CTs and prints what became of each, as JSON.

python -m tests.support.poison_run ARCHIVE MODEL_SET
"""

from __future__ import annotations

import json
import sys

from cluster.pools import plan_pools
from cluster.session import connect
from jobs.segment_run.lane.actor import LaneSettings
from jobs.segment_run.load import LoadSettings
from jobs.segment_run.outcome import Outcome
from jobs.segment_run.pipeline import outcomes
from segment_actor.execution import Execution
from segment_actor.models.grids import Grid
from segment_actor.models.set import load_model_set, model_set_digest
from tests.support.indexing import index_of
from tests.support.poison import PoisonousArchive, threshold_segmenters


def main(archive: str, model_set: str) -> None:
    """Prints by path [stage, code] of a CT that failed, or how many voxels each group labelled."""
    index = index_of(archive)
    series = index.series()
    models = load_model_set(model_set)
    # the grid is the CTs' own, so that no voxel changes on its way to the segmenters
    load = LoadSettings(
        archive, (Grid((2.0, 2.0, 2.0)),), models.way, max_attempts=2, open_archive=PoisonousArchive
    )
    lane = LaneSettings(
        model_set,
        None,
        Execution(device="cpu"),
        model_set_digest(models, Execution()),
        2,
        segmenters=threshold_segmenters,
        group_timeout_s=15,  # waited twice for the CT that hangs; the others take milliseconds
    )
    paths = {s.series_key: s.path for s in series}
    with connect(None) as nodes:
        plan = plan_pools(nodes, len(models.groups), max(s.bytes for s in series))
        ended = {paths[o.series_key]: _report(o) for o in outcomes(index, series, load, lane, plan)}
    sys.stdout.write(json.dumps(ended))


def _report(outcome: Outcome) -> list[str] | list[int]:
    if outcome.failure:
        return [outcome.failure.stage, outcome.failure.code.value]
    return [row.voxel_count for row in outcome.structures if row.voxel_count]


if __name__ == "__main__":
    main(*sys.argv[1:])
