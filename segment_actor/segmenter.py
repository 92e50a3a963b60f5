"""One group's model, loaded once and used for many CTs: what an actor of a run holds."""

from __future__ import annotations

import logging
import threading

from segment_actor.anatomy import Schema
from segment_actor.engine.choice import decide
from segment_actor.engine.load import load_backend
from segment_actor.engine.sliding_window import predict_labels
from segment_actor.execution import Execution
from segment_actor.models.folder import read_model_folder
from segment_actor.models.group import Group, check_checkpoint
from segment_actor.models.set import label_table
from segment_actor.models.way import OUR_WAY, Way
from segment_actor.volume import HuArray, LabelArray

log = logging.getLogger(__name__)


class GroupSegmenter:
    """One group's model, loaded once and used for many CTs.

    Calls from several threads take turns at the network; on a GPU, the next one's CT is uploaded
    meanwhile.

    Args:
        group: of a model set.
        schema: whose ids the label maps carry.
        way: of the model set.
        execution: wanted; what is left open is decided here, on the machine that runs.

    Raises:
        SetupError: the model is not there, not the right one, or not for this schema; or the engine
            or device is not there.
    """

    def __init__(
        self,
        group: Group,
        schema: Schema,
        way: Way = OUR_WAY,
        execution: Execution = Execution(),  # noqa: B008  # frozen
    ) -> None:
        check_checkpoint(group)
        self.name = group.name
        self.model = read_model_folder(group.folder)
        self.way = way
        self.execution = decide(execution)
        if self.execution.precision != execution.precision:
            log.warning(
                "this processor has no %s; %s runs in float32", execution.precision, group.name
            )
        self._backend = load_backend(group.folder, self.execution)
        if way.half_sums:
            from segment_actor.engine.torch.half_sums import (  # noqa: PLC0415  # torch
                HalfSumsBackend,
            )

            self._backend = HalfSumsBackend(self._backend)
        self._to_id = label_table(self.model.label_names, schema)
        self._turn = threading.Lock()

    def segment(self, hu: HuArray) -> LabelArray:
        """Labels a CT on the model's grid.

        Args:
            hu: (I, J, K) int16, RAS, at the spacing of the model.

        Returns:
            (I, J, K) uint8, ids of the schema for this group's structures, 0 elsewhere; in memory
            in the order of `hu`.

        Raises:
            SeriesError: TOO_LARGE, the memory that is free does not take it.
        """
        labels = predict_labels(
            self.model, self._backend, hu, self.way.step, self._turn, share=self.execution.share
        )
        ids: LabelArray = self._to_id[labels]
        return ids

    def release(self) -> None:
        """Gives back what is kept between CTs, apart from the weights."""
        with self._turn:
            self._backend.release()
