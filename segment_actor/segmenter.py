"""One CT in, one label map out: each group's model labels its structures, the groups are painted.

A CT is resampled once, onto the grid of all groups; the label map stays on that grid, and goes to
the CT's own grid by picking the nearest voxel along each axis.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from segment_actor.anatomy import Schema
from segment_actor.model_set import Group, Precision, check_checkpoint, label_table
from segment_actor.network import load_network
from segment_actor.resampling import nearest_index, to_model_grid
from segment_actor.volume import HuArray, LabelArray, Shape, Volume
from segment_actor.window import predict_labels, usable_precision

log = logging.getLogger(__name__)


class GroupSegmenter:
    """One group's model, loaded once and used for many CTs.

    Args:
        group: of a model set.
        schema: whose ids the label maps carry.
        step: distance of windows as a fraction of the patch.
        threads: of torch in this process, which is meant to hold one segmenter.
        precision: wanted for the convolutions; float32 where the processor lacks bfloat16.

    Raises:
        SetupError: the model is not there, not the right one, or not for this schema.
    """

    def __init__(
        self,
        group: Group,
        schema: Schema,
        step: float = 0.5,
        threads: int = 1,
        precision: Precision = "float32",
    ) -> None:
        torch.set_num_threads(threads)
        check_checkpoint(group)
        self.name = group.name
        self.network = load_network(group.folder)
        self.step = step
        self.precision = usable_precision(precision)
        if self.precision != precision:
            log.warning("this processor has no %s; %s runs in float32", precision, group.name)
        self._to_id = label_table(self.network.label_names, schema)

    def segment(self, hu: HuArray) -> LabelArray:
        """Labels a CT on the model's grid.

        Args:
            hu: (I, J, K) int16, RAS, at the spacing of the model.

        Returns:
            (I, J, K) uint8, ids of the schema for this group's structures, 0 elsewhere.
        """
        ids: LabelArray = self._to_id[predict_labels(self.network, hu, self.step, self.precision)]
        return ids


def paint(parts: Sequence[LabelArray]) -> LabelArray:
    """One label map of several of the same shape; where two label a voxel, the later has it."""
    painted = parts[0].copy()
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
    hu = to_model_grid(volume, segmenters[0].network.spacing_mm, order, truncate=truncate)
    return paint([segmenter.segment(hu) for segmenter in segmenters])


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
