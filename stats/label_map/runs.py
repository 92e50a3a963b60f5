"""Label maps as runs: the stretches of one label along the axis that lies contiguous in memory.

A body has some ten runs a line of voxels, so that runs are few where voxels are many. From them
come the connected pieces of each label (stats.label_map.pieces) and the one pass over the CT that
counts HU values: it visits labelled voxels only, and none that was not reconstructed. The label map
lives on the model's coarser grid and is never enlarged; one array per axis says which of its voxels
each voxel of the CT reads.

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
from stats.label_map.field_of_view import FieldOfView, whole_image

LOWEST_HU: Final = int(np.iinfo(np.int16).min)
HU_BINS: Final = 2**16
"""One bin for each int16 value: no voxel is clipped or lost."""


IndexArray = npt.NDArray[np.int32]
"""(N,) int32, never falling: for each voxel of the CT along one axis, the voxel of the labels."""

Indices = tuple[IndexArray, IndexArray, IndexArray]
"""Index arrays of the I, J and K axis."""

Histograms = npt.NDArray[np.int32]
"""(256, 65536) int32: voxels of each label at each HU, column 0 being -32768 HU; row 0 empty."""

Ints = npt.NDArray[np.int64]

Floats = npt.NDArray[np.float64]


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
        view: where the CT was reconstructed.
    """

    order: tuple[int, int, int]
    bounds: tuple[Ints, Ints, Ints]
    lines: Ints
    spans: IndexArray
    labels: npt.NDArray[np.uint8]
    shape: tuple[int, int, int]
    view: FieldOfView


def identity_indices(shape: Sequence[int]) -> Indices:
    """Indices that map each voxel to itself: for labels on the CT's own grid.

    Args:
        shape: (I, J, K) of both.
    """
    i, j, k = (np.arange(n, dtype=np.int32) for n in shape)
    return i, j, k


def find_runs(
    hu: HuArray, labels: LabelArray, indices: Indices, view: FieldOfView | None = None
) -> Runs:
    """All runs of a label map.

    Against the grain a pass takes many times as long (a NIfTI's arrays are Fortran-ordered), so the
    axes are walked as the CT lies in memory; labels that lie otherwise are copied.

    Args:
        hu: (I, J, K) int16, the CT.
        labels: (i, j, k) uint8.
        indices: for each voxel of the CT along I, J and K, the voxel of `labels` that it reads.
        view: where the CT was reconstructed; None for all of it.

    Raises:
        ValueError: the indices do not map the CT's grid onto the labels', or fall.
    """
    _check_indices(hu.shape, labels.shape, indices)
    view = view or whole_image(hu)
    a, b, c = view.order
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
    return Runs((a, b, c), (x, y, z), lines, spans, owners, (n0, n1, n2), view)


def hu_histograms(hu: HuArray, runs: Runs) -> Histograms:
    """Counts the HU values of each label, in one pass over the labelled voxels of the CT.

    Voxels that were not reconstructed are no tissue and are not counted.

    Args:
        hu: (I, J, K) int16, the CT that `runs` were found for.
        runs: the runs of its label map.
    """
    # 67 MB, but the system gives memory only to pages that are touched: the HU that occur.
    # int32 suffices: a CT has 2^30 voxels at most (grid.geometry.MAX_VOXELS).
    histograms = np.zeros((N_LABEL_VALUES, HU_BINS), dtype=np.int32)
    stretches = runs.bounds[2][runs.spans]
    voxels = hu.transpose(runs.order), runs.view.first, runs.view.stop
    _count_hu(voxels, runs.lines, stretches, runs.labels, runs.bounds, histograms)
    return histograms


@numba.njit(cache=True, nogil=True)
def _count_runs(labels: LabelArray, lines: Ints) -> None:
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
    labels: LabelArray, lines: Ints, spans: IndexArray, owners: npt.NDArray[np.uint8]
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
def _count_hu(
    voxels: tuple[HuArray, IndexArray, IndexArray],
    lines: Ints,
    stretches: Ints,
    labels: npt.NDArray[np.uint8],
    bounds: tuple[Ints, Ints, Ints],
    histograms: Histograms,
) -> None:
    """Counts the HU of each run's box of the CT, walked in the order of the CT in memory.

    The loops over lines of the CT (i, j) stand outside of the loop over runs: a run's box is read
    line by line where it lies, together with its neighbours on the line, and not box by box.

    Args:
        voxels: (axis 0, 1, 2) int16, the fastest in memory last; and of each of its lines the first
            voxel that was reconstructed, and the one after the last.
        lines: where each line's runs begin.
        stretches: (runs, 2) first CT voxel along axis 2, and the one after the last.
        labels: (runs,) uint8.
        bounds: for each axis, the CT voxels that read a label voxel.
        histograms: (256, 65536) int32, added to.
    """
    hu, first, stop = voxels
    x, y, _ = bounds
    for a in range(x.size - 1):
        for i in range(x[a], x[a + 1]):
            for b in range(y.size - 1):
                line = a * (y.size - 1) + b
                for j in range(y[b], y[b + 1]):
                    low, high = first[i, j], stop[i, j]
                    for run in range(lines[line], lines[line + 1]):
                        histogram = histograms[labels[run]]
                        for k in range(max(stretches[run, 0], low), min(stretches[run, 1], high)):
                            histogram[np.int64(hu[i, j, k]) - LOWEST_HU] += 1


def _check_indices(hu_shape: Sequence[int], label_shape: Sequence[int], indices: Indices) -> None:
    for n_hu, n_labels, index in zip(hu_shape, label_shape, indices, strict=True):
        fits = index.shape == (n_hu,) and index.min() >= 0 and index.max() < n_labels
        if not fits or (np.diff(index) < 0).any():
            raise ValueError(
                f"indices do not map a CT of shape {tuple(hu_shape)} onto labels of shape "
                f"{tuple(label_shape)}"
            )
