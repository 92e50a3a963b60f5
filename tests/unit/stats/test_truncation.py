"""The scanner's circle cuts structures as a face of the image does, and cuts no others."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from segment_actor.anatomy import load_schema
from segment_actor.grid.geometry import to_canonical
from segment_actor.phantom.patient import draw_patient
from segment_actor.phantom.scanner import Protocol, scan_phantom
from segment_actor.reading.nifti import read_nifti
from segment_actor.volume import LabelArray, Volume
from stats.label_map.runs import Indices, identity_indices
from stats.measure import Status, StructureRow, measure
from tests.support.real_ct import real_ct_folder

SCHEMA = load_schema("paper104")
SPACING_MM = (4.0, 4.0, 4.0)
LOST = 0.05
"""Share of its volume that a structure loses before it must not be called whole."""

Rows = dict[str, StructureRow]


@cache
def phantom(field_of_view: str) -> tuple[Volume, LabelArray]:
    """An obese man and his true labels; never write into them."""
    patient = replace(draw_patient(3), fat_mm=30.0, missing=frozenset(), hip_implant=None)
    return scan_phantom(
        patient, Protocol(field_of_view, SPACING_MM, (1.0, -1.0, 1.0), 15.0, "RAS", 1), SCHEMA
    )


def rows_of(hu: npt.NDArray[np.int16], labels: LabelArray, indices: Indices | None = None) -> Rows:
    rows = measure(hu, labels, 0.064, SCHEMA, indices, spacing_mm=SPACING_MM)
    return {row.structure: row for row in rows}


def circle(labels: LabelArray, width: float | None, cut_mm: float) -> npt.NDArray[np.bool_]:
    """(I, J) True inside: a share of the image's width, or so far inside of the widest label."""
    low, high = (f(np.argwhere(labels.any(axis=2)), axis=0) for f in (np.min, np.max))
    centre, radius = (low + high) / 2, (high[0] - low[0] + 1) / 2 - cut_mm / 4.0
    if width is not None:
        centre, radius = (np.array(labels.shape[:2]) - 1) / 2, width * labels.shape[0] / 2
    i, j = np.ogrid[: labels.shape[0], : labels.shape[1]]
    inside: npt.NDArray[np.bool_] = (i - centre[0]) ** 2 + (j - centre[1]) ** 2 <= radius**2
    return inside


def square(inside: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """The box around the circle."""
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def truncated(rows: Rows) -> set[str]:
    return {name for name, row in rows.items() if row.status == Status.TRUNCATED}


def grid_of_models(labels: LabelArray) -> tuple[LabelArray, Indices]:
    """Every second label, each of which two voxels of the CT read along each axis."""
    i, j, k = (np.arange(n, dtype=np.int32) // 2 for n in labels.shape)
    return labels[::2, ::2, ::2], (i, j, k)


@pytest.mark.parametrize("on_grid_of_models", [False, True])
@pytest.mark.parametrize("cropped", [False, True])
@pytest.mark.parametrize("fill", [-1024, -2000, -3024])
@pytest.mark.parametrize(
    ("width", "cut_mm"), [(0.6, 0.0), (None, 15.0), (None, 30.0), (None, 45.0)]
)
def test_what_loses_a_twentieth_to_the_circle_is_truncated(
    width: float | None, cut_mm: float, fill: int, *, cropped: bool, on_grid_of_models: bool
) -> None:
    volume, labels = phantom("pelvis_and_thighs")
    inside = circle(labels, width, cut_mm)
    hu = np.where(inside[:, :, None], volume.hu, np.int16(fill))
    box = square(inside) if cropped else (slice(None), slice(None))
    grid = grid_of_models if on_grid_of_models else lambda x: (x, identity_indices(x.shape))
    before, after = (rows_of(x[box], *grid(labels[box])) for x in (volume.hu, hu))
    lost = {
        name
        for name, row in after.items()
        if row.volume_ml and row.volume_ml < (1 - LOST) * (before[name].volume_ml or 0.0)
    }
    assert lost != set()
    assert lost <= truncated(after)
    assert not any(row.hu_min == fill for row in after.values() if fill < -1024)
    far = {n for n in truncated(after) - truncated(before) if n.startswith(("sacrum", "iliac"))}
    assert far == set()


def test_labels_drawn_over_the_padding_add_nothing() -> None:
    volume, labels = phantom("pelvis_and_thighs")
    inside = circle(labels, None, 45.0)
    hu = np.where(inside[:, :, None], volume.hu, np.int16(-3024))
    cut = np.where(inside[:, :, None], labels, np.uint8(0))
    ours, theirs = rows_of(hu, labels), rows_of(hu, cut)
    for name, row in theirs.items():
        assert ours[name].centroid_a_mm == pytest.approx(row.centroid_a_mm)
        for column in ("voxel_count", "hu_mean", "hu_std", "hu_min", "hu_p05", "status"):
            assert getattr(ours[name], column) == getattr(row, column), (name, column)


@pytest.mark.parametrize("field_of_view", ["trunk", "abdomen", "pelvis_and_thighs"])
@pytest.mark.parametrize("air", [None, -1024, -1000])
def test_a_body_in_air_is_cut_by_the_faces_alone(field_of_view: str, air: int | None) -> None:
    volume, labels = phantom(field_of_view)
    hu = volume.hu if air is None else np.where(volume.hu < -850, np.int16(air), volume.hu)
    inner = np.zeros_like(labels)
    inner[1:-1, 1:-1, 1:-1] = labels[1:-1, 1:-1, 1:-1]
    counts = [np.bincount(x.ravel(), minlength=256) for x in (labels, inner)]
    at_face = {s.name for s in SCHEMA.structures if counts[0][s.id] != counts[1][s.id]}
    assert truncated(rows_of(hu, labels)) == at_face


def test_a_structure_that_lies_in_the_padding_alone_is_absent() -> None:
    hu = np.full((60, 60, 8), -2000, np.int16)
    hu[20:40] = 40
    labels = np.zeros(hu.shape, np.uint8)
    labels[2:6, 10:20, 2:5], labels[25:30, 10:20, 2:5] = SCHEMA.ids["liver"], SCHEMA.ids["spleen"]
    rows = rows_of(hu, labels)
    assert rows["liver"] == StructureRow("liver", voxel_count=0, qc="pass")
    assert (rows["spleen"].voxel_count, rows["spleen"].touches_border) == (150, False)


def test_in_a_real_ct_the_faces_alone_cut_structures() -> None:
    folder = real_ct_folder()
    ct, official = (
        to_canonical(read_nifti((folder / f"{name}.nii.gz").read_bytes()))
        for name in ("example_ct_sm", "example_seg_fast")
    )
    labels = official.hu.astype(np.uint8)
    inner = labels.copy()
    inner[1:-1, 1:-1, 1:-1] = 0
    schema = load_schema("total_v2")
    rows = measure(ct.hu, labels, ct.voxel_ml, schema, spacing_mm=ct.spacing_mm)
    ours = {row.structure for row in rows if row.status == Status.TRUNCATED}
    assert ours == {s.name for s in schema.structures if (inner == s.id).any()}
    assert sum(row.voxel_count for row in rows) == np.count_nonzero(labels)
