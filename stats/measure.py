"""Every structure of one CT, measured in a single pass over the original grid.

The labels live on the coarser model grid. For each voxel of the CT its label is looked up through
one index array per axis, so a label map of the CT's full size is never built. Counting the
(label, HU) pairs gives a histogram with one bin per HU value, and from it everything follows
exactly: volume, mean, standard deviation, extremes and quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

import cc3d
import numba
import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema, Structure
from segment_actor.volume import HuArray, LabelArray

MEASUREMENT_VERSION: Final = "1"
"""Changes when a number in `structures` would change for the same labels; part of the pipeline
version, so that old and new numbers are never mixed."""

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)

LOWEST_HU: Final = int(np.iinfo(np.int16).min)
_HU_BINS: Final = 2**16  # one bin per int16 value: no voxel is clipped or lost
LABELS: Final = 2**8

IndexArray = npt.NDArray[np.int32]
"""(N,) int32: for each voxel of the CT along one axis, the voxel of the model grid."""

Indices = tuple[IndexArray, IndexArray, IndexArray]
"""Index arrays of the I, J and K axis."""

_Counts = npt.NDArray[np.int64]


class Status(StrEnum):
    """Whether a structure's numbers can be used."""

    OK = "ok"
    ABSENT = "absent"
    TRUNCATED = "truncated"
    IMPLAUSIBLE = "implausible"


@dataclass(frozen=True, slots=True)
class StructureRow:
    """One structure of one CT. None is not measured, never 0. The columns of `structures`.

    Attributes:
        structure: name in the schema.
        voxel_count: voxels of the original CT.
        volume_ml: voxel_count times the volume of a voxel.
        hu_mean: mean attenuation, HU.
        hu_std: population standard deviation (numpy's default, ddof=0), HU.
        hu_min, hu_max: extremes, HU.
        hu_p05, hu_p25, hu_median, hu_p75, hu_p95: exact quantiles (numpy's 'linear'), HU.
        touches_border: a voxel lies on one of the six faces of the CT.
        components: pieces on the model grid, voxels joined by faces.
        largest_component_fraction: share of the largest piece in the model grid's voxels, 0..1.
        status: absent, else truncated (touches the border), else implausible (below the schema's
            lower volume), else ok.
    """

    structure: str
    voxel_count: int
    volume_ml: float | None = None
    hu_mean: float | None = None
    hu_std: float | None = None
    hu_min: int | None = None
    hu_max: int | None = None
    hu_p05: float | None = None
    hu_p25: float | None = None
    hu_median: float | None = None
    hu_p75: float | None = None
    hu_p95: float | None = None
    touches_border: bool | None = None
    components: int | None = None
    largest_component_fraction: float | None = None
    status: str = Status.ABSENT.value

    def record(self, series_key: str) -> dict[str, object]:
        """The row as `structures` takes it."""
        return {"series_key": series_key, **asdict(self)}


def measure(
    hu: HuArray,
    labels: LabelArray,
    voxel_ml: float,
    schema: Schema,
    indices: Indices | None = None,
) -> list[StructureRow]:
    """Measures every structure of the schema, one row each, in the schema's order.

    Args:
        hu: (I, J, K) int16, the original CT; any memory order.
        labels: (i, j, k) uint8, ids of the schema on the model grid.
        voxel_ml: volume of one voxel of `hu` in ml.
        schema: which structures there are.
        indices: for each axis of `hu` the voxel of `labels`; None if both grids are the same.

    Raises:
        ValueError: the indices do not map `hu`'s grid onto `labels`'.
    """
    indices = indices or same_grid(labels.shape)
    _check_indices(hu.shape, labels.shape, indices)
    histograms = hu_histograms(hu, labels, indices)
    on_border = _labels_on_border(labels, indices)
    sizes, owners = _component_sizes(labels)
    return [
        _row(
            structure,
            histograms[structure.id],
            voxel_ml,
            sizes[owners == structure.id],
            touches_border=bool(on_border[structure.id]),
        )
        for structure in schema.structures
    ]


def same_grid(shape: Sequence[int]) -> Indices:
    """Indices for labels on the CT's own grid."""
    i, j, k = (np.arange(n, dtype=np.int32) for n in shape)
    return i, j, k


def hu_histograms(hu: HuArray, labels: LabelArray, indices: Indices) -> npt.NDArray[np.int32]:
    """(256, 65536) int32: voxels of each label at each HU, column 0 being -32768 HU; row 0 empty.

    The axes are walked in the order in which `hu` lies in memory: a NIfTI's arrays are
    Fortran-ordered, and against the grain the pass takes many times as long.
    """
    order = np.argsort([-abs(stride) for stride in hu.strides], kind="stable")
    histograms = np.zeros((LABELS, _HU_BINS), dtype=np.int32)  # 67 MB, touched where needed
    _count(
        hu.transpose(order),
        labels.transpose(order),
        indices[order[0]],
        indices[order[1]],
        indices[order[2]],
        histograms,
    )
    return histograms


@numba.njit(cache=True, nogil=True)
def _count(
    hu: HuArray,
    labels: LabelArray,
    index_0: IndexArray,
    index_1: IndexArray,
    index_2: IndexArray,
    histograms: npt.NDArray[np.int32],
) -> None:
    for a in range(hu.shape[0]):
        for b in range(hu.shape[1]):
            line = labels[index_0[a], index_1[b]]
            for c in range(hu.shape[2]):
                label = line[index_2[c]]
                if label:
                    histograms[label, np.int64(hu[a, b, c]) - LOWEST_HU] += 1


def _labels_on_border(labels: LabelArray, indices: Indices) -> npt.NDArray[np.bool_]:
    """(256,) bool: the label has a voxel on one of the six faces of the original grid."""
    touches = np.zeros(LABELS, dtype=np.bool_)
    for axis in range(3):
        others = [indices[a] for a in range(3) if a != axis]
        for end in (0, -1):
            face = np.take(labels, indices[axis][end], axis=axis)
            touches[face[np.ix_(*others)]] = True
    return touches


def _component_sizes(labels: LabelArray) -> tuple[_Counts, LabelArray]:
    """Voxels of each connected piece on the model grid, and the label it belongs to."""
    labels = np.ascontiguousarray(labels)
    pieces, count = cc3d.connected_components(
        labels, connectivity=6, return_N=True, out_dtype=np.uint32
    )
    sizes = np.zeros(count + 1, dtype=np.int64)
    owners = np.zeros(count + 1, dtype=np.uint8)
    _weigh(pieces.astype(np.uint32, copy=False).ravel(), labels.ravel(), sizes, owners)
    return sizes[1:], owners[1:]


@numba.njit(cache=True, nogil=True)
def _weigh(
    pieces: npt.NDArray[np.uint32], labels: LabelArray, sizes: _Counts, owners: LabelArray
) -> None:
    for n in range(labels.size):
        sizes[pieces[n]] += 1
        owners[pieces[n]] = labels[n]


def _row(
    structure: Structure,
    histogram: npt.NDArray[np.int32],
    voxel_ml: float,
    piece_sizes: _Counts,
    *,
    touches_border: bool,
) -> StructureRow:
    bins = np.flatnonzero(histogram)
    if bins.size == 0:
        return StructureRow(structure.name, voxel_count=0)
    counts = histogram[bins].astype(np.int64)
    values = bins + LOWEST_HU
    n = int(counts.sum())
    volume_ml = n * voxel_ml
    mean, std = _moments(values, counts, n)
    p05, p25, median, p75, p95 = (float(q) for q in _quantiles(values, counts, n))
    return StructureRow(
        structure=structure.name,
        voxel_count=n,
        volume_ml=volume_ml,
        hu_mean=mean,
        hu_std=std,
        hu_min=int(values[0]),
        hu_max=int(values[-1]),
        hu_p05=p05,
        hu_p25=p25,
        hu_median=median,
        hu_p75=p75,
        hu_p95=p95,
        touches_border=touches_border,
        components=len(piece_sizes),
        largest_component_fraction=float(piece_sizes.max() / piece_sizes.sum()),
        status=_status(volume_ml, structure.lower_volume_ml, touches_border=touches_border).value,
    )


def _moments(values: _Counts, counts: _Counts, n: int) -> tuple[float, float]:
    """Mean and population standard deviation, from sums without rounding."""
    total = int((values * counts).sum())
    total_of_squares = int((values * values * counts).sum())
    return total / n, float(np.sqrt((n * total_of_squares - total * total) / (n * n)))


def _quantiles(values: _Counts, counts: _Counts, n: int) -> npt.NDArray[np.float64]:
    """As numpy.quantile with its default method 'linear' on the voxels themselves."""
    position: npt.NDArray[np.float64] = np.asarray(QUANTILES) * (n - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, n - 1)
    ends = np.cumsum(counts)
    low = values[np.searchsorted(ends, below, side="right")].astype(np.float64)
    high = values[np.searchsorted(ends, above, side="right")].astype(np.float64)
    between: npt.NDArray[np.float64] = low + (high - low) * (position - below)
    return between


def _status(volume_ml: float, lower_volume_ml: float | None, *, touches_border: bool) -> Status:
    if touches_border:
        return Status.TRUNCATED
    if lower_volume_ml is not None and volume_ml < lower_volume_ml:
        return Status.IMPLAUSIBLE
    return Status.OK


def _check_indices(hu_shape: Sequence[int], label_shape: Sequence[int], indices: Indices) -> None:
    for n_hu, n_labels, index in zip(hu_shape, label_shape, indices, strict=True):
        if index.shape != (n_hu,) or index.min() < 0 or index.max() >= n_labels:
            raise ValueError(
                f"indices do not map a CT of shape {tuple(hu_shape)} onto labels of shape "
                f"{tuple(label_shape)}"
            )
