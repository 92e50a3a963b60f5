from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from jobs.figures.pictures import label_palette
from jobs.segment_one_ct.preview import render_from_front, write_preview
from segment_actor.anatomy import load_schema
from segment_actor.layers import layer_of_whole
from segment_actor.segment import Segmented
from segment_actor.volume import Volume


def test_one_sees_the_structure_in_front_the_patients_right_on_the_left() -> None:
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[20:28, 5:12, 20:28] = 1  # right, behind, above
    labels[20:28, 18:25, 20:28] = 2  # in front of it
    colour = render_from_front(labels)[5, 5]
    assert (
        np.abs(colour / colour.max() - label_palette()[2] / label_palette()[2].max()).max() < 0.02
    )
    assert render_from_front(labels)[25, 25].max() == 0


def test_a_surface_that_faces_the_light_is_brighter_than_one_that_turns_away() -> None:
    i, j, k = np.indices((40, 40, 40)) - 20
    ball = (i**2 + j**2 + k**2 < 15**2).astype(np.uint8)
    image = render_from_front(ball).sum(axis=2)
    assert image[12, 15] > 1.5 * image[30, 28]  # above to the reader's left, below to the right


@pytest.mark.parametrize("filled", [True, False])
def test_a_preview_is_drawn_of_a_tall_ct_and_of_one_in_which_nothing_was_found(
    tmp_path: Path, filled: bool
) -> None:
    volume = Volume(np.zeros((20, 16, 90), np.int16), np.diag([4.0, 4.0, 8.0, 1.0]))
    labels = np.full((10, 8, 60), 3 * filled, np.uint8)
    layer = layer_of_whole("all", labels, volume.shape, frozenset({3}))
    segmented = Segmented(volume, (np.zeros(labels.shape, np.int16),), (layer,))
    write_preview(segmented, load_schema("paper104"), "a phantom", tmp_path / "preview.png")
    assert matplotlib.image.imread(tmp_path / "preview.png").size > 0
