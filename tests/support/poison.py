"""CTs that end their worker, through the protocols by which stages reach archive and models.

Kept apart from what runs them: the workers that die and come back import this module, and torch
would make each of them take seconds longer.
"""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import numpy as np

from cluster.stores.files import FolderArchive
from jobs.segment_run.lane.groups import MakeSegmenter
from segment_actor.execution import Execution
from segment_actor.models.set import ModelSet
from segment_actor.volume import HuArray, LabelArray

POISON_HU = 3071
"""A voxel of this value ends the segmenter's process."""

HANGING_HU = 3070
"""A voxel of this value keeps the segmenter from ever answering."""


class PoisonousArchive(FolderArchive):
    """A folder in which reading a path with `poison` in it ends the process."""

    def get(self, path: str) -> bytes:
        if "poison" in path:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().get(path)


class ThresholdSegmenter:
    """Labels every voxel above a threshold with one id, unless the CT is poisonous."""

    def __init__(self, label: int, above_hu: int) -> None:
        self.label = label
        self.above_hu = above_hu

    def segment(self, hu: HuArray) -> LabelArray:
        if hu.max() == POISON_HU:
            os.kill(os.getpid(), signal.SIGKILL)
        if hu.max() == HANGING_HU:
            time.sleep(3600)
        return np.where(hu > self.above_hu, self.label, 0).astype(np.uint8)


def threshold_segmenters(models: ModelSet, execution: Execution) -> list[MakeSegmenter]:
    """One a group: label n above 100 x n HU."""
    del execution
    return [partial(ThresholdSegmenter, n, 100 * n) for n in range(1, len(models.groups) + 1)]
