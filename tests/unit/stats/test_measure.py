"""One pass over the histogram gives what a plain loop over masks gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segment_actor.anatomy import Schema, Structure
from stats.label_map.runs import Indices, identity_indices
from stats.measure import StructureRow, measure

SCHEMA = Schema(
    "tiny",
    tuple(
        Structure(n, name, "organ", None, None, None, lower_volume_ml=0.02, group=None)
        for n, name in ((1, "liver"), (2, "spleen"), (200, "aorta"))
    ),
    digest="",
)
LIVER, SPLEEN, AORTA = 1, 2, 200
SPACING_MM = (2.0, 3.0, 5.0)


def _rows(hu: np.ndarray, labels: np.ndarray, indices: Indices | None = None) -> list[StructureRow]:
    return measure(hu, labels, 0.01, SCHEMA, indices, spacing_mm=SPACING_MM)


def _naive(hu: np.ndarray, labels: np.ndarray, indices: Indices, label: int) -> StructureRow:
    """The same by a full-size mask, numpy's statistics and scipy's components."""
    name = SCHEMA.by_id[label].name
    mask = labels[np.ix_(*indices)] == label
    if not mask.any():
        return StructureRow(name, 0)
    x = hu[mask].astype(np.float64)
    pieces, n_pieces = ndimage.label(labels == label)
    largest = np.bincount(pieces.ravel())[1:].max() / (labels == label).sum()
    inside = np.zeros_like(mask)
    inside[1:-1, 1:-1, 1:-1] = True
    border, volume = bool((mask & ~inside).any()), x.size * 0.01
    status = "truncated" if border else "implausible" if volume < 0.02 else "ok"
    q = [float(v) for v in np.quantile(x, (0.05, 0.25, 0.5, 0.75, 0.95))]
    low, high = int(x.min()), int(x.max())
    hu_numbers = (float(x.mean()), float(x.std()), low, high, q[0], q[1], q[2], q[3], q[4])
    r, a, s = (float(v) for v in np.array(ndimage.center_of_mass(mask)) * SPACING_MM)
    row = StructureRow(name, x.size, volume, *hu_numbers, border, n_pieces, largest, r, a, s)
    return replace(row, status=status)


def _assert_equal(ours: StructureRow, theirs: StructureRow) -> None:
    """In every column but `qc` and `qc_reasons`, which have tests of their own."""
    ours_ = replace(ours, qc=None, qc_reasons=None).record("k")
    theirs_ = theirs.record("k")
    for column, value in theirs_.items():
        expected = pytest.approx(value, rel=1e-12, abs=1e-9) if isinstance(value, float) else value
        assert ours_[column] == expected, column


@st.composite
def _cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Indices]:
    """Random CTs in either memory order, labels on a grid of another size, random index maps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hu_shape, label_shape = (draw(st.tuples(*[st.integers(1, 7)] * 3)) for _ in range(2))
    low, high = draw(st.sampled_from([(-1024, 3072), (-32768, 32767), (40, 41)]))
    hu = rng.integers(low, high, hu_shape, dtype=np.int16, endpoint=True)
    labels = rng.choice(np.array([0, LIVER, SPLEEN, AORTA, 7], np.uint8), label_shape)
    i, j, k = (
        np.sort(rng.integers(0, m, n)).astype(np.int32)
        for n, m in zip(hu_shape, label_shape, strict=True)
    )
    view = draw(st.sampled_from([hu, np.asfortranarray(hu), hu[::-1], hu[:, :, ::-1]]))
    return view, draw(_memory_orders(labels)), (i, j, k)


def _memory_orders(labels: np.ndarray) -> st.SearchStrategy[np.ndarray]:
    return st.sampled_from([labels, np.asfortranarray(labels)])


@settings(max_examples=200, deadline=None)
@given(_cases())
def test_measure_equals_a_plain_loop_over_masks(
    case: tuple[np.ndarray, np.ndarray, Indices],
) -> None:
    hu, labels, indices = case
    for row, structure in zip(_rows(hu, labels, indices), SCHEMA.structures, strict=True):
        _assert_equal(row, _naive(hu, labels, indices, structure.id))


@settings(max_examples=50, deadline=None)
@given(_cases())
def test_no_voxel_is_lost(case: tuple[np.ndarray, np.ndarray, Indices]) -> None:
    hu, labels, indices = case
    known = np.isin(labels[np.ix_(*indices)], [LIVER, SPLEEN, AORTA])
    assert sum(row.voxel_count for row in _rows(hu, labels, indices)) == known.sum()


def test_a_liver_of_four_voxels_comes_out_as_by_hand() -> None:
    hu, labels = np.zeros((4, 4, 4), np.int16), np.zeros((4, 4, 4), np.uint8)
    hu[1:3, 1:3, 1], labels[1:3, 1:3, 1] = [[10, 20], [30, 60]], LIVER
    liver = _rows(hu, labels)[0]
    assert (liver.voxel_count, liver.volume_ml, liver.hu_mean) == (4, 0.04, 30.0)
    assert (liver.hu_min, liver.hu_p25, liver.hu_median, liver.hu_p75) == (10, 17.5, 25.0, 37.5)
    assert liver.hu_std == pytest.approx(350**0.5)  # ((-20)^2 + 10^2 + 0 + 30^2) / 4
    assert (liver.touches_border, liver.components, liver.status) == (False, 1, "ok")


def test_without_a_spacing_there_is_neither_a_centroid_nor_a_finding() -> None:
    labels = np.full((3, 3, 3), SPLEEN, np.uint8)
    spleen = measure(np.zeros((3, 3, 3), np.int16), labels, 0.01, SCHEMA)[1]
    assert (spleen.voxel_count, spleen.centroid_s_mm, spleen.qc_reasons) == (27, None, None)


def test_indices_that_fall_are_refused() -> None:
    hu, labels = np.zeros((3, 3, 3), np.int16), np.zeros((3, 3, 3), np.uint8)
    i, j, k = identity_indices((3, 3, 3))
    with pytest.raises(ValueError, match="do not map"):
        measure(hu, labels, 0.01, SCHEMA, (i, j, k[::-1]))


def test_an_absent_structure_is_null_and_not_zero() -> None:
    row = _rows(np.zeros((3, 3, 3), np.int16), np.zeros((3, 3, 3), np.uint8))[1]
    assert row == StructureRow("spleen", voxel_count=0, qc="pass", status="absent")
    assert (row.volume_ml, row.hu_mean, row.components) == (None, None, None)


@pytest.mark.parametrize("face", [(0, 1, 1), (2, 1, 1), (1, 0, 1), (1, 2, 1), (1, 1, 0), (1, 1, 2)])
def test_a_voxel_on_any_of_the_six_faces_is_truncated_and_keeps_its_volume(
    face: tuple[int, int, int],
) -> None:
    labels = np.zeros((3, 3, 3), np.uint8)
    labels[face] = SPLEEN
    spleen = _rows(np.zeros((3, 3, 3), np.int16), labels)[1]
    assert (spleen.status, spleen.touches_border, spleen.volume_ml) == ("truncated", True, 0.01)


def test_below_the_lower_volume_is_implausible_and_at_it_is_ok() -> None:
    labels = np.zeros((5, 3, 3), np.uint8)
    labels[1, 1, 1], labels[2:4, 1, 1] = LIVER, AORTA
    liver, _, aorta = _rows(np.zeros((5, 3, 3), np.int16), labels)
    assert (liver.status, aorta.status) == ("implausible", "ok")


def test_two_pieces_are_counted_and_the_largest_has_its_share() -> None:
    labels = np.zeros((7, 3, 3), np.uint8)
    labels[1:4, 1, 1], labels[5, 1, 1] = LIVER, LIVER
    liver = _rows(np.zeros((7, 3, 3), np.int16), labels)[0]
    assert (liver.components, liver.largest_component_fraction) == (2, 0.75)


def test_indices_that_leave_the_label_grid_are_refused() -> None:
    hu, labels = np.zeros((4, 4, 4), np.int16), np.zeros((3, 4, 4), np.uint8)
    with pytest.raises(ValueError, match="do not map"):
        measure(hu, labels, 0.01, SCHEMA, identity_indices((4, 4, 4)))
