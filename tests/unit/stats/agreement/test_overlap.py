"""Agreement of label maps equals what plain masks give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_actor.anatomy import Schema, Structure
from stats.agreement.overlap import dice_per_structure

SCHEMA = Schema(
    "tiny",
    tuple(
        Structure(n, name, "organ", None, None, None, None, None)
        for n, name in ((1, "liver"), (2, "spleen"), (255, "aorta"))
    ),
    digest="",
)


def _map(*values: int) -> np.ndarray:
    return np.array(values, np.uint8).reshape(-1, 1, 1)


def test_dice_of_a_half_overlapping_structure_comes_out_as_by_hand() -> None:
    truth, predicted = _map(1, 1, 1, 0, 0), _map(0, 1, 1, 1, 0)
    assert dice_per_structure(truth, predicted, SCHEMA)["liver"] == pytest.approx(4 / 6)


def test_absent_in_truth_has_no_dice_even_if_it_is_predicted() -> None:
    dice = dice_per_structure(_map(1, 1, 0), _map(1, 1, 2), SCHEMA)
    assert dice == {"liver": 1.0, "spleen": None, "aorta": None}


def test_a_missed_structure_has_dice_zero() -> None:
    assert dice_per_structure(_map(255, 255), _map(0, 0), SCHEMA)["aorta"] == 0.0


def test_label_maps_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        dice_per_structure(_map(1, 1), _map(1), SCHEMA)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_dice_equals_that_of_the_masks(seed: int, fortran: bool) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = rng.choice(np.array([0, 1, 2, 255], np.uint8), (2, 3, 4, 5))
    layout = np.asfortranarray(truth) if fortran else truth
    dice = dice_per_structure(layout, predicted, SCHEMA)
    for s in SCHEMA.structures:
        a, b = truth == s.id, predicted == s.id
        expected = 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() else None
        assert dice[s.name] == (expected if expected is None else pytest.approx(expected))
