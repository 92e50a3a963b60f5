"""Sums over windows, in main memory and as tensors, against the plain sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_actor.engine.host.sums import HostImage, HostSums, Zeros
from segment_actor.engine.torch.device import DeviceImage, DeviceSums
from segment_actor.engine.windows import Strip, strips, window_weights, windows
from segment_actor.models.folder import Normalization
from segment_actor.volume import LabelArray, Shape


@dataclass(frozen=True)
class Case:
    """An image, its windows, and the logits of each, whole numbers so that many are equal."""

    shape: Shape
    patch: Shape
    step: float
    n_labels: int
    strips: int

    def logits(self, start: Shape) -> Any:
        generator = np.random.default_rng(start)
        return generator.integers(-2, 3, (self.n_labels, *self.patch)).astype(np.float32)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    patch = draw(st.tuples(*[st.integers(2, 6)] * 3))
    more = draw(st.tuples(*[st.integers(0, 7)] * 3))
    z, y, x = (p + m for p, m in zip(patch, more, strict=True))
    count = draw(st.integers(1, min(4, y)))
    return Case((z, y, x), patch, draw(st.floats(0.4, 1)), draw(st.integers(1, 5)), count)


def plain_labels(case: Case) -> LabelArray:
    sums = np.zeros((case.n_labels, *case.shape), dtype=np.float32)
    for window in windows(case.shape, case.patch, case.step, Strip(0, case.shape[1])):
        z, y, x = (slice(s, s + p) for s, p in zip(window.start, case.patch, strict=True))
        sums[:, z, y, x] += case.logits(window.start) * window_weights(case.patch)
    labels: LabelArray = sums.argmax(axis=0).astype(np.uint8)
    return labels


def summed_labels(case: Case, sums: Any, to_logits: Any) -> LabelArray:
    for strip in strips(case.shape[1], case.strips):
        sums.begin(strip)
        for window in windows(case.shape, case.patch, case.step, strip):
            sums.add(window, to_logits(case.logits(window.start)))
    labels: LabelArray = sums.labels()
    return labels


@settings(max_examples=25)
@given(case=cases(), threads=st.integers(1, 3))
def test_banded_sums_in_strips_are_the_plain_sums(case: Case, threads: int) -> None:
    sums = HostSums(window_weights(case.patch), case.shape, case.n_labels, threads)
    np.testing.assert_array_equal(summed_labels(case, sums, np.asarray), plain_labels(case))


def bits(logits: Any) -> Any:
    """Of bfloat16, which holds small whole numbers exactly."""
    return (logits.view(np.uint32) >> 16).astype(np.uint16)


@settings(max_examples=25)
@given(case=cases())
def test_bits_of_bfloat16_add_up_as_the_numbers_they_are(case: Case) -> None:
    sums = HostSums(window_weights(case.patch), case.shape, case.n_labels)
    np.testing.assert_array_equal(summed_labels(case, sums, bits), plain_labels(case))


@settings(max_examples=25)
@given(case=cases())
def test_sums_of_tensors_are_the_plain_sums(case: Case) -> None:
    cpu = torch.device("cpu")
    sums = DeviceSums(window_weights(case.patch), case.shape, case.n_labels, cpu)
    np.testing.assert_array_equal(summed_labels(case, sums, torch.from_numpy), plain_labels(case))


def test_of_equal_sums_the_lower_label_wins() -> None:
    sums = HostSums(window_weights((2, 2, 2)), (2, 2, 2), 4)
    sums.begin(Strip(0, 2))
    (window,) = windows((2, 2, 2), (2, 2, 2), 0.5, Strip(0, 2))
    logits = np.zeros((4, 2, 2, 2), dtype=np.float32)
    logits[1:3] = 1
    sums.add(window, logits)
    assert (sums.labels() == 1).all()


def test_only_one_patch_of_logits_is_held() -> None:
    sums = HostSums(window_weights((4, 6, 8)), (50, 9, 9), 3)
    sums.begin(Strip(0, 9))
    assert sums._sums.size == 3 * 4 * 9 * 9


def test_memory_is_kept_for_the_next_ct_as_zeros() -> None:
    zeros = Zeros()
    first = zeros.take((2, 3))
    zeros.put(first)
    second = zeros.take((3, 2))
    assert np.shares_memory(first, second)
    assert not zeros.take((3, 2)).any()
    zeros.put(second)
    zeros.clear()
    assert zeros.nbytes == 0


@pytest.mark.parametrize("order", ["C", "F"])
def test_windows_are_clipped_scaled_and_padded_alike_everywhere(order: Any) -> None:
    hu = np.random.default_rng(0).integers(-3000, 3000, (3, 9, 4)).astype(np.int16, order=order)
    scale = Normalization(-1000, 1240, 40, 400)
    expected = np.pad(
        (np.clip(hu.astype(np.float32), -1000, 1240) - 40) / 400, ((1, 2), (0, 0), (2, 2))
    )
    starts, patch = [(0, 0, 0), (2, 3, 1)], (4, 6, 7)
    cuts = [HostImage(hu, (1, 0, 2), scale).windows(starts, patch)]
    cuts.append(
        DeviceImage(hu, (1, 0, 2), scale, torch.device("cpu")).windows(starts, patch).numpy()
    )
    for cut in cuts:
        for (z, y, x), window in zip(starts, cut[:, 0], strict=True):
            np.testing.assert_array_equal(window, expected[z : z + 4, y : y + 6, x : x + 7])
