"""Where the structures of one CT lie and in how many pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segment_actor.volume import Shape, SpacingMm
from stats.label_map.runs import Pieces

Point = tuple[float, float, float]
"""Right, anterior, superior of the CT's first voxel, in mm."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One connected piece of a structure.

    Attributes:
        fraction: of the structure's voxels on the model grid, 0..1.
        centroid_mm: mean place of its voxels.
        low_mm, high_mm: first and last voxel along each axis.
        touches_border: a voxel lies on one of the six faces of the CT.
    """

    fraction: float
    centroid_mm: Point
    low_mm: Point
    high_mm: Point
    touches_border: bool


@dataclass(frozen=True, slots=True)
class Location:
    """One structure that is there.

    Attributes:
        components: number of pieces on the model grid.
        largest_fraction: share of the largest piece in the model grid's voxels.
        touches_border: any piece does.
        centroid_mm: of all voxels of the CT; None where the spacing is not known.
        pieces: the largest and the second largest, as far as there are; empty likewise.
    """

    components: int
    largest_fraction: float
    touches_border: bool
    centroid_mm: Point | None
    pieces: tuple[Piece, ...]


def locate_structures(
    found: Pieces, shape: Shape, spacing_mm: SpacingMm | None
) -> Mapping[int, Location]:
    """Location of each label that has at least one voxel in the CT.

    Args:
        found: all pieces.
        shape: of the CT, (I, J, K) in RAS.
        spacing_mm: likewise, None if not known.
    """
    seen = found.ct_voxels > 0
    border = seen & ((found.low == 0) | (found.high == np.asarray(shape) - 1)).any(axis=1)
    by_size = np.lexsort((-found.size, found.label))
    labels, firsts = np.unique(found.label[by_size], return_index=True)
    ends = np.append(firsts[1:], by_size.size)
    members = {int(n): by_size[a:b] for n, a, b in zip(labels, firsts, ends, strict=False)}
    return {
        label: _location(found, pieces, border, spacing_mm)
        for label, pieces in members.items()
        if seen[pieces].any()
    }


def _location(
    found: Pieces, members: np.ndarray, border: np.ndarray, spacing_mm: SpacingMm | None
) -> Location:
    """members: the label's pieces, the largest first."""
    size, total = found.size[members], int(found.size[members].sum())
    seen = members[found.ct_voxels[members] > 0]
    return Location(
        components=len(members),
        largest_fraction=float(size[0] / total),
        touches_border=bool(border[members].any()),
        centroid_mm=None if spacing_mm is None else _centroid_mm(found, seen, spacing_mm),
        pieces=()
        if spacing_mm is None
        else tuple(
            Piece(
                float(found.size[n] / total),
                _point(found.centroid[n], spacing_mm),
                _point(found.low[n], spacing_mm),
                _point(found.high[n], spacing_mm),
                bool(border[n]),
            )
            for n in seen[:2]
        ),
    )


def _centroid_mm(found: Pieces, seen: np.ndarray, spacing_mm: SpacingMm) -> Point:
    weights = found.ct_voxels[seen]
    return _point(weights @ found.centroid[seen] / weights.sum(), spacing_mm)


def _point(voxels: np.ndarray, spacing_mm: SpacingMm) -> Point:
    r, a, s = (float(n * mm) for n, mm in zip(voxels, spacing_mm, strict=True))
    return r, a, s
