"""One CT in, one label map out: each group's model labels its structures, the groups are painted.

A CT is resampled once, onto the grid of all groups; the label map stays on that grid, and goes to
the CT's own grid by picking the nearest voxel along each axis.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import numpy as np

from segment_actor.anatomy import Schema
from segment_actor.engine.choice import choose
from segment_actor.engine.load import load_backend
from segment_actor.engine.sliding_window import predict_labels
from segment_actor.grid.resampling import nearest_index, to_model_grid
from segment_actor.models.folder import read_model_folder
from segment_actor.models.set import Group, Precision, check_checkpoint, label_table
from segment_actor.volume import HuArray, LabelArray, Shape, Volume

log = logging.getLogger(__name__)


class GroupSegmenter:
    """One group's model, loaded once and used for many CTs.

    Calls from several threads take turns at the network; on a GPU, the next one's CT is uploaded
    meanwhile.

    Args:
        group: of a model set.
        schema: whose ids the label maps carry.
        step: distance of windows as a fraction of the patch.
        threads: of a CPU, for network and sums.
        precision: wanted for the convolutions; float32 where the processor lacks bfloat16.
        engine: auto, torch, openvino or compile.
        device: auto, cpu, gpu or gpu:N.
        share: of the free memory that is this segmenter's; the rest is for those beside it.
        compat: of the model set; not "": add windows up in float16, as nnU-Net does.

    Raises:
        SetupError: the model is not there, not the right one, or not for this schema; or there is
            no such engine or device.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # an actor's constructor: plain values, no object to ship
        self,
        group: Group,
        schema: Schema,
        step: float = 0.5,
        threads: int = 1,
        precision: Precision = "float32",
        engine: str = "auto",
        device: str = "auto",
        share: float = 1.0,
        compat: str = "",
    ) -> None:
        check_checkpoint(group)
        self.name = group.name
        self.model = read_model_folder(group.folder)
        self.step = step
        self.choice = choose(engine, device, precision)
        if self.choice.precision != precision:
            log.warning("this processor has no %s; %s runs in float32", precision, group.name)
        self._backend = load_backend(group.folder, self.choice, threads)
        if compat:
            from segment_actor.engine.torch.half_sums import HalfSumsBackend  # noqa: PLC0415  # torch

            self._backend = HalfSumsBackend(self._backend)
        self._share = share
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
            self.model, self._backend, hu, self.step, self._turn, share=self._share
        )
        ids: LabelArray = self._to_id[labels]
        return ids

    def release(self) -> None:
        """Gives back what is kept between CTs, apart from the weights."""
        with self._turn:
            self._backend.release()


def paint(parts: Sequence[LabelArray]) -> LabelArray:
    """One label map of several of the same shape; where two label a voxel, the later has it."""
    painted = parts[0].copy(order="K")
    for part in parts[1:]:
        np.copyto(painted, part, where=part != 0)
    return painted


def segment_volume(
    volume: Volume, segmenters: Sequence[GroupSegmenter], order: int = 3, *, truncate: bool = False
) -> LabelArray:
    """Segments one CT with all groups, one after the other.

    Args:
        volume: RAS.
        segmenters: of one model set, in painting order.
        order: spline order of the resampling.
        truncate: cut HU off to whole numbers, as TotalSegmentator does.

    Returns:
        (I', J', K') uint8, ids of the schema, on the models' grid.
    """
    hu = to_model_grid(volume, segmenters[0].model.spacing_mm, order, truncate=truncate)
    parts = []
    for segmenter in segmenters:
        parts.append(segmenter.segment(hu))
        segmenter.release()  # 1 to 3 GB each, and one works at a time
    return paint(parts)


def labels_on_grid(labels: LabelArray, shape: Shape) -> LabelArray:
    """The label map on a grid of another number of voxels over the same extent.

    Args:
        labels: (I', J', K') uint8.
        shape: (I, J, K), such as the CT's own.

    Returns:
        (I, J, K) uint8: each voxel has the label of the nearest, as scipy's zoom of order 0.
    """
    for axis, n_out in enumerate(shape):
        labels = labels.take(nearest_index(n_out, labels.shape[axis]), axis=axis)
    return labels
