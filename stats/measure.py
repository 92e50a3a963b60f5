"""Every structure of one CT, measured in a single pass over the original grid.

The labels live on the coarser model grid, as runs (stats.label_map.runs). Counting the HU values of
each label gives a histogram with one bin per HU value, and from it everything follows exactly:
volume, mean, standard deviation, extremes and quantiles. The same runs give pieces and places, and
these the findings of quality control (stats.quality.findings): nothing is read twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema, Structure
from segment_actor.volume import HuArray, LabelArray, SpacingMm
from stats.label_map.field_of_view import find_field_of_view
from stats.label_map.locations import Location, locate_structures
from stats.label_map.maps import LabelMap, OneMap
from stats.label_map.pieces import join_pieces
from stats.label_map.runs import LOWEST_HU, Indices, find_runs, hu_histograms, identity_indices
from stats.quality.codes import structure_verdicts
from stats.quality.findings import reasons_by_structure
from stats.quality.observed import ObservedStructure

MEASUREMENT_VERSION: Final = "3"
"""Changes when a number in `structures` would change for the same labels; part of the pipeline
version, so that old and new numbers are never mixed."""

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)

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
        voxel_count: voxels of the original CT; none that was not reconstructed.
        volume_ml: voxel_count times the volume of a voxel.
        hu_mean: mean attenuation, HU.
        hu_std: population standard deviation (numpy's default, ddof=0), HU.
        hu_min, hu_max: extremes, HU.
        hu_p05, hu_p25, hu_median, hu_p75, hu_p95: exact quantiles (numpy's 'linear'), HU.
        touches_border: a voxel lies at the edge of what was scanned: on one of the six faces of the
            CT, or where the padding around the scanner's round field of view begins.
        components: pieces on the model grid, voxels joined by faces.
        largest_component_fraction: share of the largest piece in the model grid's voxels, 0..1.
        centroid_r_mm, centroid_a_mm, centroid_s_mm: mean place of its voxels, to the right of, in
            front of and above the CT's first voxel; None where the spacing is not known.
        qc: pass, warn or fail: the worst of its findings and, if it has a voxel, of those on the
            whole CT; None where nothing was judged, or it was not looked for.
        qc_reasons: codes of the findings that concern it (stats.quality.codes), joined by '; ', in
            alphabetical order; None if there are none.
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
    centroid_r_mm: float | None = None
    centroid_a_mm: float | None = None
    centroid_s_mm: float | None = None
    qc: str | None = None
    qc_reasons: str | None = None
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
    *,
    spacing_mm: SpacingMm | None = None,
) -> list[StructureRow]:
    """Measures every structure of the schema, one row each, in the schema's order.

    Args:
        hu: (I, J, K) int16, the original CT, axes RAS; any memory order.
        labels: (i, j, k) uint8, ids of the schema on the model grid, axes RAS.
        voxel_ml: volume of one voxel of `hu` in ml.
        schema: names, ids and lower volumes of the structures.
        indices: for each voxel of `hu` along I, J and K, the voxel of `labels` that it reads; None
            if both grids are the same.
        spacing_mm: voxel size of `hu` along I, J, K; without it there are no centroids and no
            quality control.

    Raises:
        ValueError: the indices do not map `hu`'s grid onto `labels`'.
    """
    one = OneMap(labels, indices or identity_indices(labels.shape), frozenset(schema.ids.values()))
    return measure_maps(hu, [one], voxel_ml, schema, spacing_mm=spacing_mm)


def measure_maps(
    hu: HuArray,
    maps: Sequence[LabelMap],
    voxel_ml: float,
    schema: Schema,
    *,
    spacing_mm: SpacingMm | None = None,
) -> list[StructureRow]:
    """Measures every structure of the schema from several label maps of one CT.

    Each structure is read from the last map that knows it; one that no map knows has no voxel.

    Args:
        hu: (I, J, K) int16, the original CT, axes RAS; any memory order.
        maps: such as one a grid of the models.
        voxel_ml: volume of one voxel of `hu` in ml.
        schema: names, ids and lower volumes of the structures.
        spacing_mm: as in `measure`.

    Returns:
        One row a structure, in the schema's order.

    Raises:
        ValueError: the indices of a map do not lead from `hu`'s grid to its own.
    """
    rows: dict[int, StructureRow] = {}
    found: dict[int, Location | None] = {}
    view = find_field_of_view(hu, spacing_mm)
    for one in maps:
        runs = find_runs(hu, one.labels, one.indices, view)
        located = locate_structures(join_pieces(runs), spacing_mm)
        histograms = hu_histograms(hu, runs)
        for structure in schema.structures:
            if structure.id in one.ids:
                found[structure.id] = located.get(structure.id)
                rows[structure.id] = _row(
                    structure, histograms[structure.id], voxel_ml, found[structure.id]
                )
    if spacing_mm is not None:
        rows = _judged(schema, rows, found)
    return [rows.get(s.id) or StructureRow(s.name, voxel_count=0) for s in schema.structures]


def _judged(
    schema: Schema, rows: Mapping[int, StructureRow], found: Mapping[int, Location | None]
) -> dict[int, StructureRow]:
    """The rows with their findings; what no map knows is not among them, and so not missing."""
    wrong = reasons_by_structure(
        [_observed(schema.by_id[label], row, found[label]) for label, row in rows.items()]
    )
    verdicts = structure_verdicts(
        (row.structure, row.voxel_count, wrong.get(row.structure)) for row in rows.values()
    )
    return {
        label: replace(row, qc=verdicts[row.structure].value, qc_reasons=wrong.get(row.structure))
        for label, row in rows.items()
    }


def _row(
    structure: Structure,
    histogram: npt.NDArray[np.int32],
    voxel_ml: float,
    location: Location | None,
) -> StructureRow:
    bins = np.flatnonzero(histogram)
    if bins.size == 0 or location is None:
        return StructureRow(structure.name, voxel_count=0)
    counts = histogram[bins].astype(np.int64)
    values = bins + LOWEST_HU
    n = int(counts.sum())
    volume_ml = n * voxel_ml
    mean, std = _moments(values, counts, n)
    r_mm, a_mm, s_mm = location.centroid_mm or (None, None, None)
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
        touches_border=location.touches_border,
        components=location.components,
        largest_component_fraction=location.largest_fraction,
        centroid_r_mm=r_mm,
        centroid_a_mm=a_mm,
        centroid_s_mm=s_mm,
        status=_status(
            volume_ml, structure.lower_volume_ml, touches_border=location.touches_border
        ).value,
    )


def _observed(
    structure: Structure, row: StructureRow, location: Location | None
) -> ObservedStructure:
    """What quality control looks at of a row: all 0 for a structure that is absent."""
    if location is None or row.voxel_count == 0:
        return ObservedStructure(structure, location=None)
    return ObservedStructure(
        structure, location, row.volume_ml or 0.0, row.hu_mean or 0.0, row.hu_median or 0.0,
        row.hu_p05 or 0.0, row.hu_min or 0, row.hu_max or 0,
    )  # fmt: skip


def _moments(values: _Counts, counts: _Counts, n: int) -> tuple[float, float]:
    """Mean and population standard deviation, HU, from sums without rounding.

    A square of HU is 2^30 at most, and so is the number of voxels (`grid.geometry.MAX_VOXELS`), so
    that no sum exceeds 2^60 and int64 holds it. From there on Python's integers have no bound: the
    variance is one division of two exact numbers, where a difference of two rounded means would
    lose the digits that they have in common.
    """
    total = int((values * counts).sum())
    total_of_squares = int((values * values * counts).sum())
    return total / n, float(np.sqrt((n * total_of_squares - total * total) / (n * n)))


def _quantiles(values: _Counts, counts: _Counts, n: int) -> npt.NDArray[np.float64]:
    """(5,) as numpy.quantile with its default method 'linear' on the voxels themselves, HU.

    Voxel number m in ascending order lies in the first bin up to which more than m voxels are
    counted, so that nothing has to be sorted. A quantile falls between two voxels, which may lie in
    one bin or in two.
    """
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
