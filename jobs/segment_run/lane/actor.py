"""A lane: what one GPU, or one CPU slot, runs.

It holds one actor a class group, hands all of them the same CT, paints their answers in the set's
order and measures. Weights stay loaded for the whole run.
"""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace

import ray

from jobs.segment_run.attempts import Actor, begin
from jobs.segment_run.guard import Row, guarded
from jobs.segment_run.lane.groups import ActorClass, MakeSegmenters, start_groups
from jobs.segment_run.lane.label_maps import write_label_map
from jobs.segment_run.outcome import Outcome, ScanNote, StageClock
from jobs.shared.models import load_models
from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError
from segment_actor.grid.resampling import nearest_index
from segment_actor.models.set import ModelSet, Precision, model_set_digest
from segment_actor.segmenter import GroupSegmenter, paint
from segment_actor.volume import HuArray, LabelArray
from stats.measure import StructureRow, measure
from stats.tables.stages import Stage


def group_segmenters(models: ModelSet, device: str = "auto") -> list[ActorClass]:
    """The real engine: a `GroupSegmenter` of one thread for each group, which share the memory."""
    of_all = (load_schema(models.schema), models.step, 1, models.precision)
    engine = (models.engine, device, 1 / len(models.groups), models.compat)
    return [(GroupSegmenter, (group, *of_all, *engine)) for group in models.groups]


@dataclass(frozen=True)
class LaneSettings:
    """What a lane needs to know.

    Attributes:
        model_set: name or path; each node loads its own copy.
        precision: instead of the set's own, or None.
        digest: what every copy must be.
        max_attempts: times a CT may end its worker.
        segmenters: what runs in the group actors.
        labels: folder for label maps, None for none.
        compat: the tool whose way to take, or None for the set's own.
        engine: that runs the networks.
        device: of the lane: cpu or gpu.
        group_timeout_s: within which a group must answer for a CT.
    """

    model_set: str
    precision: Precision | None
    digest: str
    max_attempts: int
    segmenters: MakeSegmenters = group_segmenters
    labels: str | None = None
    compat: str | None = None
    engine: str = "auto"
    device: str = "cpu"
    group_timeout_s: float = 7200.0


class Lane:
    """As Ray Data calls it: a row of `load` in, a row that holds the outcome alone out."""

    def __init__(self, settings: LaneSettings, attempts: Actor) -> None:
        models = load_models(
            settings.model_set,
            settings.precision,
            settings.compat,
            settings.engine,
            settings.device,
        )
        if model_set_digest(models) != settings.digest:
            raise SetupError(
                f"Model set {models.name} differs between the nodes: copy it again, or, where only "
                "some have a GPU or bfloat16, give --device and --engine, or --precision float32."
            )
        self._schema = load_schema(models.schema)
        self._groups = start_groups(
            settings.segmenters(models), settings.max_attempts, settings.group_timeout_s
        )
        self._attempts = attempts
        self._max_attempts = settings.max_attempts
        self._labels = settings.labels
        self._suspects = threading.Lock()

    def __call__(self, row: Row) -> Row:
        """Segments and measures one CT; one that has ended already passes through."""
        outcome: Outcome = row["outcome"]
        scan = outcome.scan
        if outcome.ended or scan is None:
            return {"outcome": outcome}
        clock = StageClock(Stage.SEGMENT, dict(outcome.timings))

        def work() -> Row:
            # A CT that was here when its lane died goes on alone, as in GroupActors.
            seen = ray.get(self._attempts.seen.remote(Stage.SEGMENT, outcome.series_key))
            with self._suspects if seen else nullcontext():
                clock.attempts = begin(
                    self._attempts, Stage.SEGMENT, outcome.series_key, self._max_attempts
                )
                labels = self._label(row["model_hu"], clock)
                rows = self._rows(row["hu"], labels, scan, clock)
                if self._labels:
                    with clock.timed(Stage.WRITE):
                        write_label_map(
                            self._labels, outcome.series_key, labels, scan.grid, self._schema
                        )
            return {"outcome": replace(outcome, structures=rows, timings=clock.seconds)}

        return guarded(work, outcome, clock)

    def _label(self, model_hu: HuArray, clock: StageClock) -> LabelArray:
        """All groups' structures on the model's grid (i, j, k)."""
        with clock.timed(Stage.SEGMENT):
            labels, seconds = self._groups.segment(model_hu)
            painted = paint(labels)
        # in the actors, without waiting for the lane's other CT
        clock.seconds[Stage.SEGMENT] = seconds
        return painted

    def _rows(
        self, hu: HuArray, labels: LabelArray, scan: ScanNote, clock: StageClock
    ) -> tuple[StructureRow, ...]:
        """hu: (I, J, K), the original grid; labels: (i, j, k), the model's."""
        with clock.timed(Stage.MEASURE):
            i, j, k = (nearest_index(*n) for n in zip(hu.shape, labels.shape, strict=True))
            rows = measure(
                hu, labels, scan.voxel_ml, self._schema, (i, j, k), spacing_mm=scan.spacing_mm
            )
            return tuple(rows)
