"""Normalized surface distance (NSD) of all structures of two label maps, in one pass.

The definition is that of Nikolov et al. 2018 (arXiv:1809.04430, "surface Dice at a tolerance") and
of DeepMind's `surface-distance`, which TotalSegmentator's evaluation uses: the share of both
surfaces that lies within the tolerance of the other one. A surface consists of cells
(`stats.agreement.surfels`), and two cells are as far apart as their centres.

No distance map is built. For every surface cell of a structure the cells of the other label map
are asked in the order of their distance whether they hold surface of the same structure, and most
answer at once. All structures share the pass, so that 104 cost little more than one.

With Dice, all structures of 300x250x400 voxels take 0.19 s of one core, where `surface-distance`
takes 16 s (docs/why/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema
from segment_actor.volume import N_LABEL_VALUES, LabelArray, SpacingMm
from stats.agreement.surfels import CODES, surfel_areas

TOLERANCE_MM: Final = 3.0
"""The paper's: "how often the surface distance is < 3 mm"."""

_OUTSIDE: Final = np.uint64(0)
_INSIDE: Final = np.uint64(CODES - 1)
"""The two codes of a cell without surface."""

_BACKGROUND: Final = np.uint64(0)
_BYTE: Final = np.uint64(0xFF)
_EACH_BYTE: Final = np.uint64(0x0101010101010101)
_LOW_BITS: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_GATHER: Final = np.uint64(0x0102040810204080)
"""Multiplying by it moves the lowest bit of byte n to bit n of the highest byte."""

_Counts = npt.NDArray[np.int64]
_Indices = npt.NDArray[np.int64]
_Row = npt.NDArray[np.uint8]
_Steps = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class SurfaceCells:
    """Number of surface cells in two label maps, each (256, 256) int64 by label id and code.

    Attributes:
        truth: cells of the reference label map.
        predicted: cells of the predicted one.
        near: those of both that lie within the tolerance of the other one's surface.
    """

    truth: _Counts
    predicted: _Counts
    near: _Counts


def nsd_per_structure(
    truth: LabelArray,
    predicted: LabelArray,
    spacing_mm: SpacingMm,
    schema: Schema,
    tolerance_mm: float = TOLERANCE_MM,
) -> Mapping[str, float | None]:
    """Normalized surface distance, 0 to 1, of every structure of the schema.

    A structure that is absent in the truth has None, even if it is predicted; one that is missed
    has 0.0 (TotalSegmentator's rule, resources/evaluate.py).

    Args:
        truth: (I, J, K) uint8, the reference.
        predicted: (I, J, K) uint8 on the same grid.
        spacing_mm: voxel size along I, J and K.
        schema: names and ids of the structures in both.
        tolerance_mm: surfaces not farther apart than this agree.

    Raises:
        ValueError: the label maps differ in shape.
    """
    axes = np.argsort(truth.strides)[::-1]  # the fastest in memory last; no distance minds
    i_mm, j_mm, k_mm = (spacing_mm[axis] for axis in axes)
    cells = count_surface_cells(
        truth.transpose(axes), predicted.transpose(axes), (i_mm, j_mm, k_mm), tolerance_mm
    )
    areas_mm2 = surfel_areas((i_mm, j_mm, k_mm))
    near_mm2 = cells.near @ areas_mm2
    surface_mm2 = (cells.truth + cells.predicted) @ areas_mm2
    present = cells.truth.sum(axis=1) > 0
    return {
        s.name: float(near_mm2[s.id] / surface_mm2[s.id]) if present[s.id] else None
        for s in schema.structures
    }


def count_surface_cells(
    truth: LabelArray, predicted: LabelArray, spacing_mm: SpacingMm, tolerance_mm: float
) -> SurfaceCells:
    """Counts the surface cells of every label by their code. One thread, without the GIL.

    What lies outside the image is background, so that a structure cut off by the border has a
    surface there, as in `surface-distance`.

    Raises:
        ValueError: the label maps differ in shape.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"label maps of shapes {truth.shape} and {predicted.shape}")
    offsets = _offsets_within(spacing_mm, tolerance_mm)
    # A margin as wide as the farthest step, and one voxel more for the cell there: no index leaves
    # the arrays, and no loop has to ask.
    margin = np.abs(offsets).max(axis=0, initial=0) + 1
    box = _box(truth, predicted)
    one, other = (np.pad(m[box], [(n, n) for n in margin]) for m in (truth, predicted))
    of_truth, truth_near = _count(one, other, margin, offsets)
    of_predicted, predicted_near = _count(other, one, margin, offsets)
    return SurfaceCells(of_truth, of_predicted, truth_near + predicted_near)


def _offsets_within(spacing_mm: SpacingMm, tolerance_mm: float) -> _Indices:
    """(N, 3) steps to the other cells within the tolerance, the nearest first."""
    reach = [int(tolerance_mm / mm) + 1 for mm in spacing_mm]
    steps = np.array(list(product(*(range(-n, n + 1) for n in reach))), dtype=np.int64)
    distance_mm = np.sqrt(((steps * spacing_mm) ** 2).sum(axis=1))
    order = np.argsort(distance_mm, kind="stable")
    nearest: _Indices = steps[order[distance_mm[order] <= tolerance_mm]]
    return nearest[1:]  # the first is no step


def _box(truth: LabelArray, predicted: LabelArray) -> tuple[slice, slice, slice]:
    """Around everything labelled in either map; empty if nothing is."""
    labelled = truth | predicted
    bounds = []
    for others in ((1, 2), (0, 2), (0, 1)):
        planes = np.flatnonzero(labelled.any(axis=others))
        bounds.append(slice(planes[0], planes[-1] + 1) if planes.size else slice(0, 0))
    i, j, k = bounds
    return i, j, k


@numba.njit(cache=True, nogil=True)
def _count(here: LabelArray, there: LabelArray, margin: _Indices, offsets: _Indices) -> _Counts:
    """Counts the surface cells of one map, and those with surface of the other one nearby.

    Args:
        here: (I, J, K) C-contiguous, with background on all sides, `margin` voxels wide.
        there: (I, J, K), the other map with the same margin.
        margin: (3,) voxels.
        offsets: (N, 3) steps to the other cells within the tolerance, nearest first.

    Returns:
        (2, 256, 256): all and near cells of (label, code).
    """
    counts = np.zeros((2, N_LABEL_VALUES, CODES), dtype=np.int64)
    size_i, size_j, size_k = here.shape
    # Unsigned, so that numba compiles no test whether an index is negative and counts from the end:
    # a quarter faster. A step of -1 is one of 2^64 - 1, and lands in the same place.
    steps = np.empty(len(offsets), dtype=np.uint64)
    for n, (i, j, k) in enumerate(offsets):
        steps[n] = np.uint64((i * size_j + j) * size_k + k)
    corners = np.empty(8, dtype=np.uint64)
    for n in range(8):
        corners[n] = np.uint64(((n >> 2) * size_j + (n >> 1 & 1)) * size_k + (n & 1))
    # Flat, so that a cell is one number and a step to another one addition, whatever its direction.
    flat_here, flat_there = here.ravel(), there.ravel()
    mixed = np.zeros(size_k, dtype=np.uint8)
    # From one voxel before the image on: its faces are surface where a structure touches them.
    for i in range(margin[0] - 1, size_i - margin[0]):
        for j in range(margin[1] - 1, size_j - margin[1]):
            _find_mixed(here[i, j], here[i, j + 1], here[i + 1, j], here[i + 1, j + 1], mixed)
            for k in range(size_k - 1):
                if mixed[k]:
                    cell = np.uint64((i * size_j + j) * size_k + k)
                    _count_cell(flat_here, flat_there, cell, corners, steps, counts)
    return counts


@numba.njit(cache=True, nogil=True)
def _find_mixed(a: _Row, b: _Row, c: _Row, d: _Row, mixed: _Row) -> None:
    """Marks the cells between four neighbouring rows that hold more than one label.

    A loop of its own without branches, which the compiler turns into vector instructions: most
    cells of a CT end here.
    """
    for k in range(a.size - 1):
        low = (a[k] ^ b[k]) | (a[k] ^ c[k]) | (a[k] ^ d[k])
        high = (a[k + 1] ^ b[k + 1]) | (a[k + 1] ^ c[k + 1]) | (a[k + 1] ^ d[k + 1])
        mixed[k] = low | high | (a[k] ^ a[k + 1])


@numba.njit(cache=True, nogil=True)
def _count_cell(
    here: _Row, there: _Row, cell: np.uint64, corners: _Steps, steps: _Steps, counts: _Counts
) -> None:
    """Counts one cell for each label in it. Maps are flat, steps are in flat voxels."""
    labels, opposite = _labels_of(here, cell, corners), _labels_of(there, cell, corners)
    counted = np.uint64(0)  # bit n: the label of corner n is counted
    for n in range(8):
        label = labels >> np.uint64(8 * n) & _BYTE
        if label == _BACKGROUND or counted >> np.uint64(n) & np.uint64(1):
            continue
        code = _code_of(labels, label)
        counted |= code  # all corners with this label at once
        counts[0, label, code] += 1
        if _has_surface(opposite, label) or _is_near(there, cell, label, corners, steps):
            counts[1, label, code] += 1


@numba.njit(cache=True, nogil=True)
def _is_near(
    voxels: _Row, cell: np.uint64, label: np.uint64, corners: _Steps, steps: _Steps
) -> bool:
    """Whether a cell at one of these steps has surface of the label."""
    for step in steps:  # noqa: SIM110  # numba compiles loops, not generators
        if _has_surface(_labels_of(voxels, cell + step, corners), label):
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _has_surface(labels: np.uint64, label: np.uint64) -> bool:
    code = _code_of(labels, label)
    return bool(code != _OUTSIDE) and bool(code != _INSIDE)


@numba.njit(cache=True, nogil=True)
def _labels_of(voxels: _Row, cell: np.uint64, corners: _Steps) -> np.uint64:
    """The eight labels of a cell in one word, corner n in byte n."""
    labels = np.uint64(0)
    for n in range(8):
        labels |= np.uint64(voxels[cell + corners[n]]) << np.uint64(8 * n)
    return labels


@numba.njit(cache=True, nogil=True)
def _code_of(labels: np.uint64, label: np.uint64) -> np.uint64:
    """Bit n is set where byte n is the label; all bytes are compared at once."""
    different = labels ^ (label * _EACH_BYTE)  # byte n is 0 where it is the label
    top = ((different & _LOW_BITS) + _LOW_BITS) | different  # top bit of byte n: it is not 0
    return ((~top >> np.uint64(7) & _EACH_BYTE) * _GATHER) >> np.uint64(56)
