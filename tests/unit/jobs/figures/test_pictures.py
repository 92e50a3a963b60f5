from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd

from jobs.figures.pictures import (
    _from_the_front,
    _slice,
    draw_ct_overview,
    draw_measures_by_age,
    label_palette,
)
from segment_actor.volume import Volume


def test_the_patients_right_is_on_the_left_and_the_head_is_up() -> None:
    hu = np.full((10, 10, 10), -1000, np.int16)
    hu[8, 5, 9] = 1000  # RAS: right, at the top
    labels = np.zeros(hu.shape, np.uint8)
    image = _slice(Volume(hu, np.eye(4)), labels, 1, 5, 0.5)
    assert np.argwhere(image.sum(axis=2) > 0).tolist() == [[0, 1]]


def test_from_the_front_one_sees_the_structure_in_front() -> None:
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[:, 2, :] = 1
    labels[:, 4, :] = 2  # anterior
    colour = _from_the_front(labels, depth_mm=1.0)[3, 3]
    assert np.argmin(np.abs(label_palette() / label_palette().max(1, keepdims=True).clip(0.01)
                            - colour / colour.max()).sum(axis=1)) == 2  # fmt: skip


def test_no_two_of_the_104_structures_have_the_same_colour() -> None:
    assert len(np.unique(label_palette()[1:105], axis=0)) == 104


def test_pictures_are_written_even_for_a_cohort_with_nothing_to_see(tmp_path: Path) -> None:
    volume = Volume(np.zeros((8, 9, 10), np.int16), np.eye(4))
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[4, 4, 4] = 5
    draw_ct_overview(volume, labels, "one voxel", tmp_path / "overview.png")
    columns = ["structure", "age_years", "volume_ml", "hu_mean", "status"]
    draw_measures_by_age(pd.DataFrame(columns=columns), "nobody", tmp_path / "aging.png")
    for name in ("overview", "aging"):
        assert matplotlib.image.imread(tmp_path / f"{name}.png").size > 0
