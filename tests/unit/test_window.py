"""The sliding window's rules, on networks simple enough to know the answer."""

from __future__ import annotations

from itertools import product
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segment_actor.model_folder import Normalization
from segment_actor.network import Network
from segment_actor.volume import HuArray, Shape
from segment_actor.window import (
    nonzero_box,
    normalise,
    predict_labels,
    predict_logits,
    usable_precision,
    window_starts,
    window_weights,
)


class Thresholds(nn.Module):
    """Label 1 above 0, label 2 above 1 (normalised): what each voxel says, whatever the window."""

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros_like(window), window, 2 * window - 1], dim=1)


class PlaceInWindow(nn.Module):
    """The only logit is the voxel's distance from the front of its window."""

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        front = torch.arange(window.shape[2], dtype=torch.float32)
        return front[None, None, :, None, None].expand_as(window).clone()


def network(module: nn.Module, transpose: Shape = (0, 1, 2), labels: int = 3) -> Network:
    return Network(
        module=module,
        spacing_mm=(1.0, 1.0, 1.0),
        patch_size=(4, 6, 8),
        transpose=transpose,
        normalization=Normalization(-1000, 1000, 0, 100),
        label_names={value: str(value) for value in range(labels)},
        digest="",
    )


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
    labels = predict_labels(network(Thresholds(), transpose), hu, step)
    inside = np.zeros(shape, dtype=bool)
    inside[nonzero_box(hu)] = True
    np.testing.assert_array_equal(labels, np.where(inside, 1 * (hu > 0) + 1 * (hu > 100), 0))


@given(size=st.integers(8, 400), step=st.floats(0.05, 1.0))
def test_windows_cover_the_axis_and_are_at_most_a_step_apart(size: int, step: float) -> None:
    starts = window_starts(size, 8, step)
    assert (starts[0], starts[-1]) == (0, size - 8)
    assert max(np.diff(starts), default=0) <= np.ceil(8 * step)


def test_windows_are_spread_as_nnunets_own_example() -> None:
    assert window_starts(110, 64, 0.5) == [0, 23, 46]


def test_weights_are_a_gaussian_of_an_eighth_with_peak_ten() -> None:
    weights = window_weights((16, 16, 16))
    assert weights[8, 8, 8] == 10
    one_sigma = float(weights[8, 8, 10]) / 10
    assert one_sigma == pytest.approx(np.exp(-0.5), rel=1e-3)
    assert weights.min() > 0


def test_logits_are_the_weighted_mean_over_windows() -> None:
    one_label = network(PlaceInWindow(), labels=1)
    logits = predict_logits(one_label, np.zeros((6, 6, 8), dtype=np.float32), step=0.5)
    # windows start at 0 and 2 with four planes each; weights depend on the plane in the window
    weights = window_weights((4, 6, 8))[:, 3, 4].numpy()
    near, far = weights[:2] * [0, 1], weights[2:] * [2, 3]
    expected = [0, 1, *((near + far) / (weights[:2] + weights[2:])), 2, 3]
    np.testing.assert_allclose(logits[0, :, 3, 4], expected, rtol=1e-6)


def test_only_one_patch_of_logits_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = Mock(wraps=torch.zeros)
    monkeypatch.setattr(torch, "zeros", zeros)
    predict_labels(network(Thresholds()), random_hu((9, 9, 50)))
    zeros.assert_called_once_with((4, 4, 9, 9))  # labels + weights, four planes of the patch


def test_the_box_is_that_of_nonzero_hu_with_holes_left_in() -> None:
    hu = np.zeros((6, 6, 6), dtype=np.int16)
    hu[1, 2, 3] = hu[4, 2, 5] = -1000
    assert nonzero_box(hu) == (slice(1, 5), slice(2, 3), slice(3, 6))


def test_an_empty_volume_is_background() -> None:
    hu = np.zeros((5, 5, 5), dtype=np.int16)
    assert not predict_labels(network(Thresholds()), hu).any()


def test_hu_are_clipped_centred_and_scaled() -> None:
    hu = np.array([-3000, -1000, 40, 1240, 9000], dtype=np.int16).reshape(5, 1, 1)
    scaled = normalise(hu, Normalization(-1000, 1240, 40, 400)).ravel()
    np.testing.assert_allclose(scaled, [-2.6, -2.6, 0, 3, 3])


def test_bfloat16_convolutions_agree_on_clear_cases() -> None:
    sign = nn.Conv3d(1, 2, 1, bias=False)
    sign.weight = nn.Parameter(torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1, 1))
    hu = np.array([-500, 500], dtype=np.int16)[np.indices((6, 6, 6)).sum(axis=0) % 2]
    labels = predict_labels(network(sign, labels=2), hu, precision="bfloat16")
    np.testing.assert_array_equal(labels, hu > 0)


def test_float32_is_always_usable() -> None:
    assert usable_precision("float32") == "float32"


def test_every_corner_is_reached_when_the_image_is_smaller_than_the_patch() -> None:
    hu = np.full((3, 3, 3), 200, dtype=np.int16)
    labels = predict_labels(network(Thresholds()), hu)
    assert all(labels[corner] == 2 for corner in product((0, 2), repeat=3))
