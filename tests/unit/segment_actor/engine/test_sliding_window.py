"""The sliding window's rules, on networks simple enough to know the answer."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segment_actor.engine import memory
from segment_actor.engine.sliding_window import nonzero_box, predict_labels
from segment_actor.engine.torch.backend import TorchBackend
from segment_actor.execution import Execution, Precision
from segment_actor.models.architecture import Architecture
from segment_actor.models.folder import ModelFolder, Normalization
from segment_actor.volume import HuArray, LabelArray, Shape


class Thresholds(nn.Module):
    """Label 1 above 0, label 2 above 1 (normalised): what each voxel says, whatever the window."""

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros_like(window), window, 2 * window - 1], dim=1)


def model(transpose: Shape = (0, 1, 2), labels: int = 3) -> ModelFolder:
    return ModelFolder(
        folder=Path(),
        configuration="3d_fullres",
        spacing_mm=(1.0, 1.0, 1.0),
        patch_size=(4, 6, 8),
        transpose=transpose,
        normalization=Normalization(-1000, 1000, 0, 100),
        label_names={value: str(value) for value in range(labels)},
        architecture=Architecture("", {"features_per_stage": [1]}),
    )


def backend(module: nn.Module, precision: Precision = "float32") -> TorchBackend:
    return TorchBackend(
        module, (4, 6, 8), Execution(engine="torch", device="cpu", precision=precision)
    )


def labels_of(hu: HuArray, step: float = 0.5, transpose: Shape = (0, 1, 2)) -> LabelArray:
    return predict_labels(model(transpose), backend(Thresholds()), hu, step)


def random_hu(shape: Shape) -> HuArray:
    return np.random.default_rng(0).integers(-100, 300, shape).astype(np.int16)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 20)] * 3),
    step=st.floats(0.2, 1.0),
    transpose=st.permutations([0, 1, 2]).map(tuple),
)
def test_every_voxel_gets_its_own_label_whatever_the_windows(
    shape: Shape, step: float, transpose: Shape
) -> None:
    hu = random_hu(shape)
    labels = labels_of(hu, step, transpose)
    inside = np.zeros(shape, dtype=bool)
    inside[nonzero_box(hu)] = True
    np.testing.assert_array_equal(labels, np.where(inside, 1 * (hu > 0) + 1 * (hu > 100), 0))


@pytest.mark.parametrize("free", [4_000, 6_000, 8_000])
def test_strips_in_little_memory_change_no_label(
    monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(memory, "LEAST_STRIP_ROWS", 1)
    monkeypatch.setattr(memory, "LARGEST_SHARE", 1)
    hu, of_window = random_hu((9, 31, 20)), backend(nn.Conv3d(1, 3, 3, padding=1))
    in_one = predict_labels(model(), of_window, hu)
    needed = memory.peak_bytes(model(), (20, 31, 9), 31)
    monkeypatch.setattr(of_window, "available_bytes", lambda: needed - free)
    assert memory.strips_that_fit(model(), (20, 31, 9), needed - free) > 1
    np.testing.assert_array_equal(predict_labels(model(), of_window, hu), in_one)


def test_the_box_is_that_of_nonzero_hu_with_holes_left_in() -> None:
    hu = np.zeros((6, 6, 6), dtype=np.int16)
    hu[1, 2, 3] = hu[4, 2, 5] = -1000
    assert nonzero_box(hu) == (slice(1, 5), slice(2, 3), slice(3, 6))


def test_an_empty_volume_is_background() -> None:
    hu = np.zeros((5, 5, 5), dtype=np.int16)
    assert not labels_of(hu).any()


def test_bfloat16_convolutions_agree_on_clear_cases() -> None:
    sign = nn.Conv3d(1, 2, 1, bias=False)
    sign.weight = nn.Parameter(torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1, 1))
    hu = np.array([-500, 500], dtype=np.int16)[np.indices((6, 6, 6)).sum(axis=0) % 2]
    labels = predict_labels(model(labels=2), backend(sign, "bfloat16"), hu)
    np.testing.assert_array_equal(labels, hu > 0)


def test_every_corner_is_reached_when_the_image_is_smaller_than_the_patch() -> None:
    hu = np.full((3, 3, 3), 200, dtype=np.int16)
    labels = labels_of(hu)
    assert all(labels[corner] == 2 for corner in product((0, 2), repeat=3))
