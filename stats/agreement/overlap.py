"""How well two label maps agree, all structures in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema
from segment_actor.volume import N_LABEL_VALUES, LabelArray


@dataclass(frozen=True, slots=True)
class Overlap:
    """Voxels of each label id in two label maps, (256,) int64 each.

    Attributes:
        truth: voxels with the label in the reference label map.
        predicted: voxels with the label in the predicted one.
        both: voxels with the label in both.
    """

    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    both: npt.NDArray[np.int64]


def count_overlap(truth: LabelArray, predicted: LabelArray) -> Overlap:
    """Counts the voxels of every label in one pass.

    Raises:
        ValueError: the label maps differ in shape.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"label maps of shapes {truth.shape} and {predicted.shape}")
    counts = np.zeros((3, N_LABEL_VALUES), dtype=np.int64)
    # ravel copies what does not lie in its order: along the truth's memory, only `predicted` may
    axes = np.argsort(truth.strides)[::-1]
    _count(truth.transpose(axes).ravel(), predicted.transpose(axes).ravel(), counts)
    return Overlap(*counts)


def dice_per_structure(
    truth: LabelArray, predicted: LabelArray, schema: Schema
) -> Mapping[str, float | None]:
    """Dice, 0 to 1, of every structure of the schema.

    A structure that is absent in the truth has None, even if it is predicted; one that is missed
    has 0.0 (TotalSegmentator's rule, resources/evaluate.py).
    """
    return dice_from_overlap(count_overlap(truth, predicted), schema)


def dice_from_overlap(found: Overlap, schema: Schema) -> Mapping[str, float | None]:
    """Dice as `dice_per_structure` gives it, from voxels that are counted already."""
    return {s.name: _dice(found, s.id) for s in schema.structures}


def _dice(found: Overlap, label: int) -> float | None:
    if not found.truth[label]:
        return None
    return float(2 * found.both[label] / (found.truth[label] + found.predicted[label]))


@numba.njit(cache=True, nogil=True)
def _count(truth: LabelArray, predicted: LabelArray, counts: npt.NDArray[np.int64]) -> None:
    for n in range(truth.size):
        counts[0, truth[n]] += 1
        counts[1, predicted[n]] += 1
        if truth[n] == predicted[n]:
            counts[2, truth[n]] += 1
