"""The normalized surface distance: its properties, and a brute-force search."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_actor.anatomy import Schema, Structure
from segment_actor.volume import LabelArray, SpacingMm
from stats.agreement.surface import nsd_per_structure
from stats.agreement.surfels import surfel_areas

SCHEMA = Schema(
    "tiny",
    tuple(
        Structure(n, name, "organ", None, None, None, None, None)
        for n, name in ((1, "liver"), (2, "spleen"), (255, "aorta"))
    ),
    digest="",
)
SPACINGS = st.tuples(*[st.floats(0.4, 4.0)] * 3)
TOLERANCES = st.floats(0.1, 6.0)
SEEDS = st.integers(0, 2**32 - 1)


def label_maps(seed: int) -> tuple[LabelArray, LabelArray]:
    """Blocks of all labels, and the same with some voxels drawn anew."""
    rng = np.random.default_rng(seed)
    choice = np.array([0, 0, 1, 2, 255], np.uint8)
    truth = rng.choice(choice, (3, 3, 3)).repeat(2, 0).repeat(2, 1).repeat(2, 2)[:, :5, :4]
    anew = rng.choice(choice, truth.shape)
    return truth, np.where(rng.random(truth.shape) < 0.7, truth, anew)


def cube(low: int, high: int, n: int = 12) -> LabelArray:
    labels = np.zeros((n, n, n), np.uint8)
    labels[low:high, low:high, low:high] = 1
    return labels


def nsd(truth: LabelArray, predicted: LabelArray, spacing_mm: SpacingMm, mm: float) -> float | None:
    return nsd_per_structure(truth, predicted, spacing_mm, SCHEMA, mm)["liver"]


def brute_force(a: LabelArray, b: LabelArray, spacing_mm: SpacingMm, tolerance_mm: float) -> float:
    """By the definition: all distances between all cells of both surfaces."""
    cells, areas = zip(*(surface(m, spacing_mm) for m in (a, b)), strict=True)
    steps = cells[0][:, None] - cells[1][None]  # whole, so that a tie is one in both codes
    distances = np.sqrt(((steps * spacing_mm) ** 2).sum(axis=2))
    if not distances.size:
        return 0.0
    near = [areas[n][distances.min(axis=1 - n) <= tolerance_mm].sum() for n in (0, 1)]
    return float(sum(near) / (areas[0].sum() + areas[1].sum()))


def surface(
    labels: LabelArray, spacing_mm: SpacingMm
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """(n, 3) indices and (n,) areas in mm² of the surface cells of label 1."""
    inside = np.pad(labels == 1, 1).astype(int)
    code = np.zeros(np.array(inside.shape) - 1, int)
    for bit, (i, j, k) in enumerate(product((0, 1), repeat=3)):
        code += inside[i:, j:, k:][: code.shape[0], : code.shape[1], : code.shape[2]] << bit
    cells = np.argwhere((code > 0) & (code < 255))
    return cells, surfel_areas(spacing_mm)[code[tuple(cells.T)]]


@settings(max_examples=150, deadline=None)
@given(SEEDS, SPACINGS, TOLERANCES)
def test_nsd_equals_a_search_over_all_pairs_of_cells(
    seed: int, spacing_mm: SpacingMm, tolerance_mm: float
) -> None:
    truth, predicted = label_maps(seed)
    found = nsd(truth, predicted, spacing_mm, tolerance_mm)
    if (truth == 1).any():
        assert found == pytest.approx(brute_force(truth, predicted, spacing_mm, tolerance_mm))
    else:
        assert found is None


@settings(max_examples=50, deadline=None)
@given(SEEDS, SPACINGS, TOLERANCES)
def test_nsd_is_the_same_with_truth_and_prediction_exchanged(
    seed: int, spacing_mm: SpacingMm, tolerance_mm: float
) -> None:
    maps = label_maps(seed)
    one = nsd_per_structure(*maps, spacing_mm, SCHEMA, tolerance_mm)
    other = nsd_per_structure(*maps[::-1], spacing_mm, SCHEMA, tolerance_mm)
    assert all(one[n] == other[n] for n in one if one[n] is not None and other[n] is not None)


@settings(max_examples=50, deadline=None)
@given(SEEDS, SPACINGS, TOLERANCES, TOLERANCES)
def test_nsd_never_falls_as_the_tolerance_grows(
    seed: int, spacing_mm: SpacingMm, a_mm: float, b_mm: float
) -> None:
    strict, lax = (
        nsd_per_structure(*label_maps(seed), spacing_mm, SCHEMA, mm) for mm in sorted((a_mm, b_mm))
    )
    assert all((strict[n] or 0) <= (lax[n] or 0) for n in strict)


@settings(max_examples=30, deadline=None)
@given(SEEDS, SPACINGS, TOLERANCES)
def test_nsd_of_a_label_map_with_itself_is_1(
    seed: int, spacing_mm: SpacingMm, tolerance_mm: float
) -> None:
    truth, _ = label_maps(seed)
    assert set(nsd_per_structure(truth, truth, spacing_mm, SCHEMA, tolerance_mm).values()) <= {
        1,
        None,
    }


@settings(max_examples=30, deadline=None)
@given(SEEDS, SPACINGS, st.permutations(range(3)))
def test_the_order_of_axes_in_memory_changes_nothing(
    seed: int, spacing_mm: SpacingMm, axes: list[int]
) -> None:
    truth, predicted = label_maps(seed)
    turned = np.ascontiguousarray(truth.transpose(axes)).transpose(np.argsort(axes))
    expected = nsd_per_structure(truth, predicted, spacing_mm, SCHEMA)
    assert nsd_per_structure(turned, predicted, spacing_mm, SCHEMA) == pytest.approx(expected)


@pytest.mark.parametrize("shift", [1, 2])
def test_a_cube_moved_by_no_more_than_the_tolerance_agrees(shift: int) -> None:
    assert nsd(cube(2, 8), np.roll(cube(2, 8), shift, axis=0), (1.5, 1.5, 1.5), 3.0) == 1.0


def test_a_cube_moved_by_more_agrees_where_its_sides_still_touch() -> None:
    found = nsd(cube(2, 8), np.roll(cube(2, 8), 3, axis=0), (1.5, 1.5, 1.5), 3.0)
    assert found is not None
    assert 0.5 < found < 0.9  # four of six sides slide along themselves, two are too far


def test_the_tolerance_itself_is_within_it() -> None:
    moved = np.roll(cube(2, 8), 2, axis=1)
    assert nsd(cube(2, 8), moved, (1.0, 1.5, 1.0), 3.0) == 1.0
    assert nsd(cube(2, 8), moved, (1.0, 1.5, 1.0), 2.999) != 1.0


def test_absent_in_truth_is_none_and_missed_is_0() -> None:
    truth, predicted = cube(2, 8), cube(2, 8) * np.uint8(2)
    found = nsd_per_structure(truth, predicted, (1.0, 1.0, 1.0), SCHEMA)
    assert found == {"liver": 0.0, "spleen": None, "aorta": None}


def test_two_empty_label_maps_have_no_nsd() -> None:
    empty = np.zeros((5, 5, 5), np.uint8)
    assert set(nsd_per_structure(empty, empty, (1.0, 1.0, 1.0), SCHEMA).values()) == {None}


def test_a_structure_cut_off_by_the_image_has_a_surface_there() -> None:
    # inside the image only one face of 12x12 voxels differs; outside of it everything is background
    truth = np.ones((12, 12, 12), np.uint8)
    predicted = truth.copy()
    predicted[6:] = 0
    found = nsd(truth, predicted, (1.0, 1.0, 1.0), 1.0)
    assert found is not None
    assert 0.4 < found < 0.7


def test_the_surface_of_a_large_cube_has_nearly_its_area() -> None:
    _, areas_mm2 = surface(cube(1, 41, 42), (1.0, 2.0, 3.0))
    assert areas_mm2.sum() == pytest.approx(2 * 40**2 * (2 + 3 + 6), rel=0.03)


def test_an_area_grows_with_the_square_of_the_spacing() -> None:
    np.testing.assert_allclose(surfel_areas((3.0, 6.0, 9.0)), 9 * surfel_areas((1.0, 2.0, 3.0)))


def test_label_maps_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        nsd(cube(2, 8), cube(2, 8, 13), (1.0, 1.0, 1.0), 3.0)
