"""Where the structures of one CT lie and in how many pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segment_actor.volume import SpacingMm
from stats.label_map.pieces import Pieces

Point = tuple[float, float, float]
"""How far to the right of, in front of and above the CT's first voxel, mm."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One connected piece of a structure.

    Attributes:
        fraction: its share of the structure's voxels on the model grid, 0..1.
        centroid_mm: mean of its voxels' centres.
        low_mm, high_mm: centres of its first and last voxel along each axis.
        touches_border: a voxel lies at the edge of what was scanned (`Pieces.at_edge`).
    """

    fraction: float
    centroid_mm: Point
    low_mm: Point
    high_mm: Point
    touches_border: bool


@dataclass(frozen=True, slots=True)
class Location:
    """Where a structure lies that has at least one voxel in the CT.

    Attributes:
        components: number of pieces on the model grid.
        largest_fraction: share of the largest piece in the model grid's voxels, 0..1.
        touches_border: a voxel of any piece lies at the edge of what was scanned.
        centroid_mm: mean of the centres of its voxels in the CT; None where the spacing is not
            known.
        pieces: the largest, and the second largest if there is one; empty where the spacing is not
            known.
    """

    components: int
    largest_fraction: float
    touches_border: bool
    centroid_mm: Point | None
    pieces: tuple[Piece, ...]


def locate_structures(found: Pieces, spacing_mm: SpacingMm | None) -> Mapping[int, Location]:
    """Location of each label that has at least one voxel in the CT.

    Args:
        found: the pieces of all labels.
        spacing_mm: voxel size of the CT along I, J, K; None if not known.

    Returns:
        Label to its location.
    """
    seen = found.ct_voxels > 0
    # by label, and within a label the largest first: each label's pieces are one stretch
    by_size = np.lexsort((-found.size, found.label))
    labels, firsts = np.unique(found.label[by_size], return_index=True)
    ends = np.append(firsts[1:], by_size.size)
    members = {int(n): by_size[a:b] for n, a, b in zip(labels, firsts, ends, strict=False)}
    return {
        label: _location(found, pieces, spacing_mm)
        for label, pieces in members.items()
        if seen[pieces].any()
    }


def _location(found: Pieces, members: np.ndarray, spacing_mm: SpacingMm | None) -> Location:
    """One label's location.

    Args:
        found: the pieces of all labels.
        members: (n,) indices of the label's pieces in `found`, the largest first.
        spacing_mm: voxel size of the CT; None if not known.
    """
    size, total = found.size[members], int(found.size[members].sum())
    seen = members[found.ct_voxels[members] > 0]
    return Location(
        components=len(members),
        largest_fraction=float(size[0] / total),
        touches_border=bool(found.at_edge[members].any()),
        centroid_mm=None if spacing_mm is None else _centroid_mm(found, seen, spacing_mm),
        pieces=()
        if spacing_mm is None
        else tuple(
            Piece(
                float(found.size[n] / total),
                _point(found.centroid[n], spacing_mm),
                _point(found.low[n], spacing_mm),
                _point(found.high[n], spacing_mm),
                bool(found.at_edge[n]),
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
