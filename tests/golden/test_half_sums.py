"""With nnU-Net's float16 sums we give nnU-Net's labels as it gives them, in every voxel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.parity_peers.nnunet import NnUnet
from segment_actor.engine.load import load_backend
from segment_actor.engine.sliding_window import predict_labels
from segment_actor.engine.torch.half_sums import HalfSums, HalfSumsBackend
from segment_actor.engine.windows import strips, windows
from segment_actor.execution import Execution
from segment_actor.models.folder import read_model_folder
from segment_actor.volume import HuArray, LabelArray, Shape
from tests.support.tiny_model import write_tiny_model

STRUCTURES = tuple(f"structure_{number}" for number in range(1, 22))


def noise(shape: Shape) -> HuArray:
    return np.random.default_rng(0).integers(-1000, 1500, shape).astype(np.int16)


def our_labels(folder: Path, hu: HuArray, step: float, *, half: bool) -> LabelArray:
    backend = load_backend(folder, Execution(engine="torch", device="cpu"))
    model = read_model_folder(folder)
    return predict_labels(model, HalfSumsBackend(backend) if half else backend, hu, step)


@pytest.mark.parametrize("shape", [(40, 44, 36), (10, 12, 41)], ids=["larger", "padded"])
@pytest.mark.parametrize("step", [0.5, 0.8])
def test_half_sums_give_nnunets_labels_in_every_voxel(
    tmp_path: Path, shape: Shape, step: float
) -> None:
    folder, hu = write_tiny_model(tmp_path, STRUCTURES), noise(shape)
    theirs = NnUnet(step).labels(folder, hu)
    assert len(np.unique(theirs)) > 5
    np.testing.assert_array_equal(our_labels(folder, hu, step, half=True), theirs)


def test_without_them_some_voxels_differ(tmp_path: Path) -> None:
    folder, hu = write_tiny_model(tmp_path, STRUCTURES), noise((40, 44, 36))
    equal = our_labels(folder, hu, 0.5, half=False) == NnUnet(0.5).labels(folder, hu)
    assert 0.99 < np.mean(equal) < 1


def test_neither_strips_nor_bits_of_bfloat16_change_anything() -> None:
    shape, patch = (20, 30, 18), (8, 10, 12)
    found = []
    for count, as_bits in ((1, False), (3, False), (1, True)):
        sums = HalfSums(patch, shape, n_labels=5)
        for strip in strips(shape[1], count):
            sums.begin(strip)
            for window in windows(shape, patch, 0.5, strip):
                seed = np.ravel_multi_index(window.start, shape)
                logits = np.random.default_rng(seed).normal(size=(5, *patch)).astype(np.float32)
                bits = (logits.view(np.uint32) >> 16).astype(np.uint16)  # of bfloat16
                numbers = (bits.astype(np.uint32) << 16).view(np.float32)
                sums.add(window, bits if as_bits else numbers)
        found.append(sums.labels())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
