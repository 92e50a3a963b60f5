"""A lane: what one GPU, or one CPU slot, runs.

It holds one actor a class group, hands all of them the same CT, paints their answers in the set's
order and measures. Weights stay loaded for the whole run.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import ray

from jobs.segment_run.actors import Actors
from jobs.segment_run.attempts import begin
from jobs.segment_run.file_lists import files_of, hidden_uids
from jobs.segment_run.guard import Row, guarded
from jobs.segment_run.lane.dicom import DicomSettings, store_results
from jobs.segment_run.lane.groups import MakeSegmenter, MakeSegmenters, start_groups
from jobs.segment_run.lane.label_maps import write_label_maps
from jobs.segment_run.outcome import Outcome, ScanNote, StageClock, grid_column
from segment_actor.anatomy import load_schema
from segment_actor.engine.choice import decide
from segment_actor.errors import SetupError
from segment_actor.execution import Execution
from segment_actor.layers import Layer, segment_layers
from segment_actor.models.set import ModelSet, load_model_set, model_set_digest
from segment_actor.segmenter import GroupSegmenter
from segment_actor.volume import HuArray, LabelArray, Volume
from stats.measure import StructureRow, measure_maps
from stats.tables.stages import Stage


def group_segmenters(models: ModelSet, execution: Execution) -> list[MakeSegmenter]:
    """The real engine: a `GroupSegmenter` of one thread for each group, which share the memory."""
    schema = load_schema(models.schema)
    of_one = replace(execution, threads=1, share=1 / len(models.groups))
    return [partial(GroupSegmenter, group, schema, models.way, of_one) for group in models.groups]


@dataclass(frozen=True)
class LaneSettings:
    """What a lane needs to know.

    Attributes:
        model_set: name or path; each node loads its own copy.
        compat: the tool whose way to take, or None for the set's own.
        execution: wanted; each node decides what is open by the same rule.
        digest: what every copy, run so, must be.
        max_attempts: times a CT may end its worker.
        group_timeout_s: within which a group must answer for a CT.
        segmenters: what runs in the group actors.
        labels: folder for label maps, None for none.
        dicom: which results are made in DICOM, None for none.
    """

    model_set: str
    compat: str | None
    execution: Execution
    digest: str
    max_attempts: int
    group_timeout_s: float
    segmenters: MakeSegmenters = group_segmenters
    labels: str | None = None
    dicom: DicomSettings | None = None


class Lane:
    """As Ray Data calls it: a row of `load` in, a row that holds the outcome alone out."""

    def __init__(self, settings: LaneSettings, actors: Actors) -> None:
        self._models = load_model_set(settings.model_set, settings.compat)
        execution = decide(settings.execution, here=False)
        if model_set_digest(self._models, execution) != settings.digest:
            raise SetupError(
                f"Model set {self._models.name} differs between the nodes: copy it again, or, "
                "where only some have a GPU or bfloat16, give --device and --engine, or "
                "--precision float32."
            )
        self._schema = load_schema(self._models.schema)
        self._groups = start_groups(
            settings.segmenters(self._models, execution),
            settings.max_attempts,
            settings.group_timeout_s,
        )
        self._actors = actors
        self._dicom = settings.dicom
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
            seen = ray.get(self._actors.attempts.seen.remote(Stage.SEGMENT, outcome.series_key))
            with self._suspects if seen else nullcontext():
                clock.attempts = begin(
                    self._actors.attempts, Stage.SEGMENT, outcome.series_key, self._max_attempts
                )
                layers = self._segment(row, scan, clock)
                with clock.timed(Stage.MEASURE):
                    rows = measure_maps(
                        row["hu"],
                        layers,
                        scan.voxel_ml,
                        self._schema,
                        spacing_mm=scan.spacing_mm,
                    )
                no_dicom = None
                if self._labels or self._dicom:
                    with clock.timed(Stage.WRITE):
                        no_dicom = self._write(outcome, scan, layers, rows)
            return {
                "outcome": replace(
                    outcome, structures=tuple(rows), timings=clock.seconds, no_dicom=no_dicom
                )
            }

        return guarded(work, outcome, clock)

    def _write(
        self,
        outcome: Outcome,
        scan: ScanNote,
        layers: Sequence[Layer],
        rows: Sequence[StructureRow],
    ) -> str | None:
        """Label maps and results in DICOM, as far as they are wanted; why there are no results."""
        if self._labels:
            write_label_maps(self._labels, outcome.series_key, layers, scan.grid, self._schema)
        if not self._dicom:
            return None
        return store_results(
            outcome,
            layers,
            rows,
            self._schema,
            self._dicom,
            files_of(self._actors.file_lists, outcome.number),
            hidden_uids(self._actors.file_lists),
        )

    def _segment(self, row: Row, scan: ScanNote, clock: StageClock) -> tuple[Layer, ...]:
        """A label map a grid of the models."""
        seconds = 0.0

        def run(groups: Sequence[int], hu: HuArray) -> Sequence[LabelArray]:
            nonlocal seconds
            labels, slowest = self._groups.segment(hu, groups)
            seconds += slowest
            return labels

        # of the CT's place only the size of its voxels matters from here on
        volume = Volume(row["hu"], np.diag([*scan.spacing_mm, 1.0]))
        resampled = [row[grid_column(n)] for n in range(len(self._models.whole_grids))]
        with clock.timed(Stage.SEGMENT):
            layers = segment_layers(volume, resampled, self._models, run)
        # in the actors, without waiting for the lane's other CT
        clock.seconds[Stage.SEGMENT] = seconds
        return layers
