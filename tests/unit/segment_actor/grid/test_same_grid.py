from __future__ import annotations

import numpy as np
import pytest

from segment_actor.errors import SetupError
from segment_actor.grid.same_grid import SAME_PLACE_MM, check_same_grid
from segment_actor.volume import Affine, Shape, Volume

NAMES = ("the CT", "the label map")


def on_grid(shape: Shape = (4, 5, 6), shift_mm: float = 0.0, spacing_mm: float = 1.5) -> Volume:
    affine: Affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[2, 3] = shift_mm
    return Volume(np.zeros(shape, np.int16), affine)


def test_rounding_of_the_affine_is_the_same_grid() -> None:
    check_same_grid(on_grid(), on_grid(shift_mm=0.9 * SAME_PLACE_MM), NAMES)


@pytest.mark.parametrize(
    "other", [on_grid(shift_mm=2 * SAME_PLACE_MM), on_grid(spacing_mm=1.5 + 2 * SAME_PLACE_MM)]
)
def test_another_origin_or_spacing_is_another_place(other: Volume) -> None:
    with pytest.raises(SetupError, match="the CT and the label map lie at different places"):
        check_same_grid(on_grid(), other, NAMES)


def test_another_shape_is_refused_with_both_shapes_and_the_remedy() -> None:
    with pytest.raises(SetupError) as refusal:
        check_same_grid(on_grid(), on_grid((4, 5, 7)), NAMES, "resample it")
    assert str(refusal.value) == (
        "the CT is (4, 5, 6) voxels, the label map (4, 5, 7); resample it"
    )
