"""The connected pieces of each label: their size, place and extent, and whether they are cut off.

All from the runs of a label map (stats.label_map.runs): no voxel is visited.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from stats.label_map.runs import Floats, IndexArray, Ints, Runs


@dataclass(frozen=True, slots=True)
class Pieces:
    """Connected pieces: voxels of one label, joined by faces on the label map's grid.

    Attributes:
        label: (pieces,) uint8.
        size: (pieces,) voxels of the label map.
        ct_voxels: (pieces,) reconstructed voxels of the CT; 0 where a coarse CT skips over it, or
            all of it lies in the padding.
        centroid: (pieces, 3) I, J, K of these, in voxels of the CT; NaN where ct_voxels is 0.
        low, high: (pieces, 3) first and last I, J, K of these.
        at_edge: (pieces,) bool, whether one of these lies at the edge of what was scanned: on a
            face of the CT, or in or beside a voxel of the label map that reaches into the padding.
    """

    label: npt.NDArray[np.uint8]
    size: Ints
    ct_voxels: Ints
    centroid: Floats
    low: Ints
    high: Ints
    at_edge: npt.NDArray[np.bool_]


class _Totals(NamedTuple):
    """What is added up for each piece; axes 0, 1, 2 as the CT lies in memory.

    Attributes:
        size: (pieces,) voxels of the label map.
        ct_voxels: (pieces,) voxels of the CT.
        sums: (pieces, 3) of their indices. Exact: halves below 2^52.
        ends: (pieces, 3, 2) their lowest and highest index.
        at_edge: (pieces,) bool.
    """

    size: Ints
    ct_voxels: Ints
    sums: Floats
    ends: Ints
    at_edge: npt.NDArray[np.bool_]


def join_pieces(runs: Runs) -> Pieces:
    """The connected pieces, in the order in which they begin in memory."""
    piece_of, count = _join(runs.lines, runs.spans, runs.labels, runs.shape[1])
    label = np.zeros(count, np.uint8)
    label[piece_of] = runs.labels
    ends = np.empty((count, 3, 2), np.int64)
    ends[:] = np.iinfo(np.int64).max, -1
    size, ct_voxels = np.zeros((2, count), np.int64)
    at_edge = np.zeros(count, np.bool_)
    totals = _Totals(size, ct_voxels, np.zeros((count, 3)), ends, at_edge)
    seen = runs.view.first, runs.view.stop
    whole = _whole_voxels(seen, runs.bounds, runs.shape)
    _gather(
        runs.lines,
        (runs.spans, piece_of),
        runs.bounds,
        seen,
        (whole, _clear(whole, runs.shape[2])),
        totals,
    )
    last = np.array([bounds[-1] - 1 for bounds in runs.bounds])
    at_edge |= (ct_voxels > 0) & ((ends[:, :, 0] == 0) | (ends[:, :, 1] == last)).any(axis=1)
    with np.errstate(invalid="ignore"):  # pieces without a voxel in the CT: 0 / 0 is NaN, as said
        centroid = totals.sums / ct_voxels[:, None]
    back = np.argsort(runs.order)
    low, high = ends[:, back, 0], ends[:, back, 1]
    return Pieces(label, size, ct_voxels, centroid[:, back], low, high, at_edge)


def _clear(whole: IndexArray, n2: int) -> IndexArray:
    """(n0, n1, 2): the stretch of each line that has no padding in it nor beside it.

    Args:
        whole: (n0, n1, 2) the stretch that has none in it.
        n2: voxels of a line.
    """
    clear = whole.copy()
    low, stop = whole[..., 0], whole[..., 1]
    clear[..., 0] += low > 0  # what lies beyond a face is no padding: faces are judged apart
    clear[..., 1] -= stop < n2
    for axis in (0, 1):
        here, there = (np.moveaxis(x, axis, 0) for x in (clear, whole))
        for mine, others in ((here[1:], there[:-1]), (here[:-1], there[1:])):
            np.maximum(mine[..., 0], others[..., 0], out=mine[..., 0])
            np.minimum(mine[..., 1], others[..., 1], out=mine[..., 1])
    return clear


@numba.njit(cache=True, nogil=True)
def _root(parents: Ints, run: int) -> int:
    """The first run of the piece as far as it is joined; halves the way for whoever asks next."""
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run


@numba.njit(cache=True, nogil=True)
def _touch(
    spans: IndexArray,
    labels: npt.NDArray[np.uint8],
    parents: Ints,
    one: tuple[int, int],
    two: int,
    end: int,
) -> None:
    """Joins the runs of two lines side by side, where they overlap and have the same label.

    Both lists ascend, so they are walked like two sorted lists that are merged: the run that ends
    first can meet no other, and its list moves on. Each run is looked at once, however long.

    Args:
        spans: (runs, 2) first voxel, and the one after the last.
        labels: (runs,) uint8.
        parents: (runs,) the forest of the union-find, changed.
        one: runs of the one line, first and the one after the last.
        two: first run of the other line.
        end: the run after its last.
    """
    p, q = one[0], two
    while p < one[1] and q < end:
        overlap = spans[p, 0] < spans[q, 1] and spans[q, 0] < spans[p, 1]
        if overlap and labels[p] == labels[q]:
            here, there = _root(parents, p), _root(parents, q)
            # the earlier run becomes the root, so that `_join` meets each root before its piece
            parents[max(here, there)] = min(here, there)
        if spans[p, 1] < spans[q, 1]:
            p += 1
        else:
            q += 1


@numba.njit(cache=True, nogil=True)
def _join(
    lines: Ints, spans: IndexArray, labels: npt.NDArray[np.uint8], n1: int
) -> tuple[Ints, int]:
    """For each run the number of its piece, and how many pieces there are (union-find).

    A line touches two that came before it: its neighbours along axis 1 and axis 0, which lie one
    line and n1 lines back. Neighbours along axis 2 are in one run, or of another label.
    """
    parents = np.arange(labels.size)
    for line in range(lines.size - 1):
        here = (lines[line], lines[line + 1])
        if line % n1:
            _touch(spans, labels, parents, here, lines[line - 1], lines[line])
        if line >= n1:
            _touch(spans, labels, parents, here, lines[line - n1], lines[line - n1 + 1])
    count = 0
    piece_of = np.empty_like(parents)
    for run in range(parents.size):  # a root comes before all others of its piece
        root = _root(parents, run)
        if root == run:
            piece_of[run] = count
            count += 1
        else:
            piece_of[run] = piece_of[root]
    return piece_of, count


@numba.njit(cache=True, nogil=True)
def _whole_voxels(
    seen: tuple[IndexArray, IndexArray],
    bounds: tuple[Ints, Ints, Ints],
    shape: tuple[int, int, int],
) -> IndexArray:
    """(n0, n1, 2): of each line of the label map, the voxels all of which was reconstructed.

    Args:
        seen: first and stop of the CT's lines (`FieldOfView`).
        bounds: for each axis, the CT voxels that read a label voxel.
        shape: (n0, n1, n2) of the label map.
    """
    first, stop = seen
    x, y, z = bounds
    whole = np.empty((shape[0], shape[1], 2), np.int32)
    for a in range(shape[0]):
        for b in range(shape[1]):
            low, high = 0, z[-1]
            for i in range(x[a], x[a + 1]):
                for j in range(y[b], y[b + 1]):
                    low, high = max(low, first[i, j]), min(high, stop[i, j])
            whole[a, b, 0] = np.searchsorted(z, low)
            whole[a, b, 1] = np.searchsorted(z, high, side="right") - 1
    return whole


@numba.njit(cache=True, nogil=True)
def _gather(
    lines: Ints,
    runs: tuple[IndexArray, Ints],
    bounds: tuple[Ints, Ints, Ints],
    seen: tuple[IndexArray, IndexArray],
    inside: tuple[IndexArray, IndexArray],
    totals: _Totals,
) -> None:
    """Adds up sizes, centroids and extents of the pieces, run by run: no voxel is visited.

    Args:
        lines: where each line's runs begin.
        runs: spans (runs, 2), and the piece of each run.
        bounds: for each axis, the CT voxels that read a label voxel.
        seen: first and stop of the CT's lines (`FieldOfView`).
        inside: (n0, n1, 2) stretch of a line without padding in it; without padding beside it.
        totals: added to.
    """
    spans, piece_of = runs
    first, stop = seen
    whole, clear = inside
    x, y, z = bounds
    n1 = y.size - 1
    # a run of labels is a box of the CT: some voxels thick along axis 0 and 1, long along axis 2
    for line in range(lines.size - 1):
        a, b = line // n1, line % n1
        thick, wide = (x[a], x[a + 1]), (y[b], y[b + 1])
        for run in range(lines[line], lines[line + 1]):
            span, piece = spans[run], piece_of[run]
            totals.size[piece] += span[1] - span[0]
            if span[0] >= whole[a, b, 0] and span[1] <= whole[a, b, 1]:
                n = _add_box(thick, wide, (z[span[0]], z[span[1]]), piece, totals)
            else:  # the padding cuts each line of the box elsewhere
                n = 0
                for i in range(thick[0], thick[1]):
                    for j in range(wide[0], wide[1]):
                        long = (max(z[span[0]], first[i, j]), min(z[span[1]], stop[i, j]))
                        n += _add_box((i, i + 1), (j, j + 1), long, piece, totals)
            if n > 0 and (span[0] < clear[a, b, 0] or span[1] > clear[a, b, 1]):
                totals.at_edge[piece] = True


@numba.njit(cache=True, nogil=True)
def _add_box(
    thick: tuple[int, int],
    wide: tuple[int, int],
    long: tuple[int, int],
    piece: int,
    totals: _Totals,
) -> int:
    """Adds a box of the CT to a piece, and says how many voxels it has.

    Args:
        thick: its first voxel along axis 0, and the one after the last.
        wide: those along axis 1.
        long: those along axis 2.
        piece: number of the piece.
        totals: added to.
    """
    n = (thick[1] - thick[0]) * (wide[1] - wide[0]) * max(long[1] - long[0], 0)
    if n == 0:  # the CT is coarser than the labels here, or all is padding
        return 0
    totals.ct_voxels[piece] += n
    for axis, (start, end) in enumerate((thick, wide, long)):
        totals.sums[piece, axis] += n * (start + end - 1) / 2
        totals.ends[piece, axis, 0] = min(totals.ends[piece, axis, 0], start)
        totals.ends[piece, axis, 1] = max(totals.ends[piece, axis, 1], end - 1)
    return n
