"""The numbers as TotalSegmentator's `--statistics` writes them, for comparison with it.

Source of the rules: `totalsegmentator/statistics.py`, get_basic_statistics, version 2.18.0. They
differ from ours (stats.measure): a structure near the border, and one that is absent, counts as
0.0; volumes are in mm3 from float32 spacings; the mean is rounded to five decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema
from segment_actor.volume import N_LABEL_VALUES, HuArray, LabelArray, SpacingMm
from stats.label_map.runs import LOWEST_HU, find_runs, hu_histograms, identity_indices

_NEAR_BORDER: Final = 3  # voxels from any of the six faces


@dataclass(frozen=True, slots=True)
class OfficialStatistic:
    """One entry of the official statistics.json.

    Attributes:
        volume: mm3; 0.0 if absent or left out at the border.
        intensity: mean HU rounded to five decimals; 0.0 if absent or left out at the border.
    """

    volume: float
    intensity: float


def official_statistics(
    hu: HuArray,
    labels: LabelArray,
    spacing_mm: SpacingMm,
    schema: Schema,
    *,
    include_incomplete: bool = False,
) -> Mapping[str, OfficialStatistic]:
    """What the official `--statistics` says of this label map, by structure.

    Args:
        hu: (I, J, K) int16, the CT.
        labels: (I, J, K) uint8 on the same grid.
        spacing_mm: voxel size of that grid along I, J, K.
        schema: names and ids of the structures.
        include_incomplete: keep structures within three voxels of a face, as the official option
            of that name does.
    """
    histograms = hu_histograms(hu, find_runs(hu, labels, identity_indices(labels.shape)))
    left_out = np.zeros(N_LABEL_VALUES, np.bool_) if include_incomplete else _near_border(labels)
    spacing = np.asarray(spacing_mm, dtype=np.float32)
    voxel_mm3 = float(spacing[0] * spacing[1] * spacing[2])
    absent = OfficialStatistic(0.0, 0.0)
    return {
        s.name: absent if left_out[s.id] else _statistic(histograms[s.id], voxel_mm3)
        for s in schema.structures
    }


def _near_border(labels: LabelArray) -> npt.NDArray[np.bool_]:
    near = np.zeros(N_LABEL_VALUES, dtype=np.bool_)
    for axis in range(3):
        by_slice = np.moveaxis(labels, axis, 0)
        near[by_slice[:_NEAR_BORDER]] = True
        near[by_slice[-_NEAR_BORDER:]] = True
    return near


def _statistic(histogram: npt.NDArray[np.int32], voxel_mm3: float) -> OfficialStatistic:
    n = int(histogram.sum())
    if n == 0:
        return OfficialStatistic(0.0, 0.0)
    hu = np.arange(histogram.size) + LOWEST_HU
    return OfficialStatistic(n * voxel_mm3, round(int(hu @ histogram) / n, 5))
