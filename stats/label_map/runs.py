"""Label maps as runs: the stretches of one label along the axis that lies contiguous in memory.

A body has some ten runs a line of voxels, so that runs are few where voxels are many. From them
come the connected pieces of each label, their size, place and extent, and the one pass over the CT
that counts HU values: it visits labelled voxels only. The label map lives on the model's coarser
grid and is never enlarged; one array per axis says which of its voxels each voxel of the CT reads.

All of it, quality control included, takes 0.13 s of one core for 97 structures of 512x512x280
voxels (docs/why/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from segment_actor.volume import N_LABEL_VALUES, HuArray, LabelArray

LOWEST_HU: Final = int(np.iinfo(np.int16).min)
HU_BINS: Final = 2**16
"""One bin for each int16 value: no voxel is clipped or lost."""


IndexArray = npt.NDArray[np.int32]
"""(N,) int32, never falling: for each voxel of the CT along one axis, the voxel of the labels."""

Indices = tuple[IndexArray, IndexArray, IndexArray]
"""Index arrays of the I, J and K axis."""

Histograms = npt.NDArray[np.int32]
"""(256, 65536) int32: voxels of each label at each HU, column 0 being -32768 HU; row 0 empty."""

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a label map, walked in the order in which the CT lies in memory.

    Attributes:
        order: (3,) axes of the CT from slowest to fastest in memory; below, axis 0, 1, 2 are these.
        bounds: for each axis (n + 1,): label voxel m is read by CT voxels bounds[m]..bounds[m + 1].
        lines: (n0 * n1 + 1,): runs of line (a, b) are lines[a * n1 + b]..lines[a * n1 + b + 1].
        spans: (runs, 2): first label voxel along axis 2, and the one after the last.
        labels: (runs,) uint8, never 0.
        shape: (n0, n1, n2) of the label map, axes 0, 1, 2.
    """

    order: tuple[int, int, int]
    bounds: tuple[_Ints, _Ints, _Ints]
    lines: _Ints
    spans: IndexArray
    labels: npt.NDArray[np.uint8]
    shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Connected pieces: voxels of one label, joined by faces on the label map's grid.

    Attributes:
        label: (pieces,) uint8.
        size: (pieces,) voxels of the label map.
        ct_voxels: (pieces,) voxels of the CT; 0 where a coarse CT skips over it.
        centroid: (pieces, 3) I, J, K in voxels of the CT; NaN where ct_voxels is 0.
        low, high: (pieces, 3) first and last I, J, K in the CT.
    """

    label: npt.NDArray[np.uint8]
    size: _Ints
    ct_voxels: _Ints
    centroid: _Floats
    low: _Ints
    high: _Ints


def identity_indices(shape: Sequence[int]) -> Indices:
    """Indices that map each voxel to itself: for labels on the CT's own grid.

    Args:
        shape: (I, J, K) of both.
    """
    i, j, k = (np.arange(n, dtype=np.int32) for n in shape)
    return i, j, k


def find_runs(hu: HuArray, labels: LabelArray, indices: Indices) -> Runs:
    """All runs of a label map.

    Against the grain a pass takes many times as long (a NIfTI's arrays are Fortran-ordered), so the
    axes are walked as the CT lies in memory; labels that lie otherwise are copied.

    Raises:
        ValueError: the indices do not map the CT's grid onto the labels', or fall.
    """
    _check_indices(hu.shape, labels.shape, indices)
    a, b, c = (int(n) for n in np.argsort([-abs(s) for s in hu.strides], kind="stable"))
    walked = np.ascontiguousarray(labels.transpose(a, b, c))
    lines = np.zeros(walked.shape[0] * walked.shape[1] + 1, np.int64)
    _count_runs(walked, lines)
    spans = np.empty((lines[-1], 2), np.int32)
    owners = np.empty(lines[-1], np.uint8)
    _fill_runs(walked, lines, spans, owners)
    x, y, z = (
        np.searchsorted(indices[axis], np.arange(labels.shape[axis] + 1)) for axis in (a, b, c)
    )
    n0, n1, n2 = walked.shape
    return Runs((a, b, c), (x, y, z), lines, spans, owners, (n0, n1, n2))


def join_pieces(runs: Runs) -> Pieces:
    """The connected pieces, in the order in which they begin in memory."""
    piece_of, count = _join(runs.lines, runs.spans, runs.labels, runs.shape[1])
    label = np.zeros(count, np.uint8)
    label[piece_of] = runs.labels
    voxels = np.zeros((count, 2), np.int64)  # of the labels, of the CT
    sums = np.zeros((count, 3))
    ends = np.empty((count, 3, 2), np.int64)
    ends[:] = np.iinfo(np.int64).max, -1
    _gather(runs.lines, (runs.spans, piece_of), runs.bounds, voxels, sums, ends)
    with np.errstate(invalid="ignore"):  # pieces that a coarse CT skips: 0 / 0 is NaN, as said
        centroid = sums / voxels[:, 1:]
    back = np.argsort(runs.order)
    low, high = ends[:, back, 0], ends[:, back, 1]
    return Pieces(label, voxels[:, 0], voxels[:, 1], centroid[:, back], low, high)


def hu_histograms(hu: HuArray, runs: Runs) -> Histograms:
    """Counts the HU values of each label, in one pass over the labelled voxels of the CT.

    Args:
        hu: (I, J, K) int16, the CT that `runs` were found for.
        runs: the runs of its label map.
    """
    # 67 MB, but the system gives memory only to pages that are touched: the HU that occur.
    # int32 suffices: a CT has 2^30 voxels at most (grid.geometry.MAX_VOXELS).
    histograms = np.zeros((N_LABEL_VALUES, HU_BINS), dtype=np.int32)
    stretches = runs.bounds[2][runs.spans]
    voxels = hu.transpose(runs.order)
    _count_hu(voxels, runs.lines, stretches, runs.labels, runs.bounds, histograms)
    return histograms


@numba.njit(cache=True, nogil=True)
def _count_runs(labels: LabelArray, lines: _Ints) -> None:
    """Fills `lines` with the number of runs before each line.

    Counted first, so that `_fill_runs` can write each run to its place in arrays of the right size.
    """
    n1, n2 = labels.shape[1], labels.shape[2]
    for line in range(lines.size - 1):
        voxels = labels[line // n1, line % n1]
        count = 1 if voxels[0] else 0
        for c in range(1, n2):
            # a run begins where a label differs from the one before; a sum, so without a branch
            count += (voxels[c] != voxels[c - 1]) & (voxels[c] != 0)
        lines[line + 1] = lines[line] + count


@numba.njit(cache=True, nogil=True)
def _fill_runs(
    labels: LabelArray, lines: _Ints, spans: IndexArray, owners: npt.NDArray[np.uint8]
) -> None:
    n1, n2 = labels.shape[1], labels.shape[2]
    for line in range(lines.size - 1):
        if lines[line + 1] == lines[line]:  # most lines of a CT are background from end to end
            continue
        voxels = labels[line // n1, line % n1]
        run = lines[line] - 1
        before = 0
        for c in range(n2):
            label = voxels[c]
            if label != before:
                if before:
                    spans[run, 1] = c
                if label:
                    run += 1
                    spans[run, 0] = c
                    owners[run] = label
                before = label
        if before:
            spans[run, 1] = n2


@numba.njit(cache=True, nogil=True)
def _root(parents: _Ints, run: int) -> int:
    """The first run of the piece as far as it is joined; halves the way for whoever asks next."""
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run


@numba.njit(cache=True, nogil=True)
def _touch(
    spans: IndexArray, labels: LabelArray, parents: _Ints, one: tuple[int, int], two: int, end: int
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
    lines: _Ints, spans: IndexArray, labels: npt.NDArray[np.uint8], n1: int
) -> tuple[_Ints, int]:
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
def _gather(
    lines: _Ints,
    runs: tuple[IndexArray, _Ints],
    bounds: tuple[_Ints, _Ints, _Ints],
    voxels: _Ints,
    sums: _Floats,
    ends: _Ints,
) -> None:
    """Adds up sizes, centroids and extents of the pieces, run by run: no voxel is visited.

    Args:
        lines: where each line's runs begin.
        runs: spans (runs, 2), and the piece of each run.
        bounds: for each axis, the CT voxels that read a label voxel.
        voxels: (pieces, 2) of the label map and of the CT, added to.
        sums: (pieces, 3) of the CT voxels' indices, added to. Exact: halves below 2^52.
        ends: (pieces, 3, 2) lowest and highest index in the CT, narrowed.
    """
    spans, piece_of = runs
    x, y, z = bounds
    n1 = y.size - 1
    # a run of labels is a box of the CT: some voxels thick along axis 0 and 1, long along axis 2
    box = np.empty((3, 2), np.int64)
    for line in range(lines.size - 1):
        a, b = line // n1, line % n1
        box[0] = x[a], x[a + 1]
        box[1] = y[b], y[b + 1]
        for run in range(lines[line], lines[line + 1]):
            box[2] = z[spans[run, 0]], z[spans[run, 1]]
            piece = piece_of[run]
            n = (box[0, 1] - box[0, 0]) * (box[1, 1] - box[1, 0]) * (box[2, 1] - box[2, 0])
            voxels[piece, 0] += spans[run, 1] - spans[run, 0]
            voxels[piece, 1] += n
            if n == 0:  # the CT is coarser than the labels here, and none of its voxels reads them
                continue
            for axis in range(3):
                first, last = box[axis, 0], box[axis, 1] - 1
                sums[piece, axis] += n * (first + last) / 2
                ends[piece, axis, 0] = min(ends[piece, axis, 0], first)
                ends[piece, axis, 1] = max(ends[piece, axis, 1], last)


@numba.njit(cache=True, nogil=True)
def _count_hu(
    hu: HuArray,
    lines: _Ints,
    stretches: _Ints,
    labels: npt.NDArray[np.uint8],
    bounds: tuple[_Ints, _Ints, _Ints],
    histograms: Histograms,
) -> None:
    """Counts the HU of each run's box of the CT, walked in the order of the CT in memory.

    The loops over lines of the CT (i, j) stand outside of the loop over runs: a run's box is read
    line by line where it lies, together with its neighbours on the line, and not box by box.

    Args:
        hu: (axis 0, 1, 2) int16, the fastest in memory last.
        lines: where each line's runs begin.
        stretches: (runs, 2) first CT voxel along axis 2, and the one after the last.
        labels: (runs,) uint8.
        bounds: for each axis, the CT voxels that read a label voxel.
        histograms: (256, 65536) int32, added to.
    """
    x, y, _ = bounds
    for a in range(x.size - 1):
        for i in range(x[a], x[a + 1]):
            for b in range(y.size - 1):
                line = a * (y.size - 1) + b
                for j in range(y[b], y[b + 1]):
                    for run in range(lines[line], lines[line + 1]):
                        histogram = histograms[labels[run]]
                        for k in range(stretches[run, 0], stretches[run, 1]):
                            histogram[np.int64(hu[i, j, k]) - LOWEST_HU] += 1


def _check_indices(hu_shape: Sequence[int], label_shape: Sequence[int], indices: Indices) -> None:
    for n_hu, n_labels, index in zip(hu_shape, label_shape, indices, strict=True):
        fits = index.shape == (n_hu,) and index.min() >= 0 and index.max() < n_labels
        if not fits or (np.diff(index) < 0).any():
            raise ValueError(
                f"indices do not map a CT of shape {tuple(hu_shape)} onto labels of shape "
                f"{tuple(label_shape)}"
            )
