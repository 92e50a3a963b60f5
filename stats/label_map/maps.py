"""What is measured: a label map on a grid of its own, and how the CT's voxels read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from segment_actor.volume import LabelArray
from stats.label_map.runs import Indices


class LabelMap(Protocol):
    """A label map of a CT, and which of its voxels each voxel of the CT reads."""

    @property
    def labels(self) -> LabelArray:
        """(i, j, k) uint8, ids of the schema, axes RAS."""
        ...

    @property
    def indices(self) -> Indices:
        """For each voxel of the CT along I, J and K, the voxel of `labels`."""
        ...

    @property
    def ids(self) -> frozenset[int]:
        """The structures that it knows; the others are not measured from it."""
        ...


@dataclass(frozen=True, slots=True)
class OneMap:
    """The plain `LabelMap`."""

    labels: LabelArray
    indices: Indices
    ids: frozenset[int]
