"""From local labels to one label map on the CT's grid."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from segment_actor import segmenter
from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError
from segment_actor.model_folder import file_sha256
from segment_actor.model_set import Group
from segment_actor.network import load_network
from segment_actor.resampling import to_model_grid
from segment_actor.segmenter import GroupSegmenter, labels_on_grid, paint, segment_volume
from segment_actor.volume import Volume
from segment_actor.window import predict_labels
from tests.tiny_model import write_tiny_model

SCHEMA = load_schema("paper104")


def tiny_group(root: Path, *labels: str) -> Group:
    folder = write_tiny_model(root / labels[0], labels)
    return Group(labels[0], folder, file_sha256(folder / "fold_0/checkpoint_final.pth"))


def random_hu(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.random.default_rng(0).integers(-900, 900, shape).astype(np.int16)


def test_a_group_labels_with_the_ids_of_its_names(tmp_path: Path) -> None:
    group = tiny_group(tmp_path, "vertebrae_L5", "spleen")
    hu = random_hu(18, 20, 16)
    local = predict_labels(load_network(group.folder), hu)
    ids = GroupSegmenter(group, SCHEMA).segment(hu)
    assert set(np.unique(local)) <= {0, 1, 2}
    assert len(np.unique(local)) > 1
    np.testing.assert_array_equal(ids == SCHEMA.ids["spleen"], local == 2)
    np.testing.assert_array_equal(ids == SCHEMA.ids["vertebrae_L5"], local == 1)


def test_a_replaced_checkpoint_is_not_loaded(tmp_path: Path) -> None:
    group = tiny_group(tmp_path, "liver")
    with pytest.raises(SetupError, match="SHA-256"):
        GroupSegmenter(Group(group.name, group.folder, "0" * 64), SCHEMA)


def test_torch_gets_the_threads_it_is_given(tmp_path: Path) -> None:
    GroupSegmenter(tiny_group(tmp_path, "liver"), SCHEMA, threads=1)
    assert torch.get_num_threads() == 1


def test_a_processor_without_bfloat16_says_so_and_runs_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(segmenter, "usable_precision", lambda _wanted: "float32")
    with caplog.at_level(logging.WARNING):
        liver = GroupSegmenter(tiny_group(tmp_path, "liver"), SCHEMA, precision="bfloat16")
    assert liver.precision == "float32"
    assert "no bfloat16" in caplog.text


def test_later_groups_paint_over_earlier_ones_and_background_over_none() -> None:
    first = np.array([1, 1, 0, 0], dtype=np.uint8)
    second = np.array([0, 7, 7, 0], dtype=np.uint8)
    assert paint([first, second]).tolist() == [1, 7, 7, 0]
    assert first.tolist() == [1, 1, 0, 0]


def test_labels_return_to_the_cts_grid_as_scipys_nearest() -> None:
    labels = np.random.default_rng(0).integers(0, 105, (7, 9, 5)).astype(np.uint8)
    shape = (20, 9, 13)
    zoom = [n_out / n_in for n_out, n_in in zip(shape, labels.shape, strict=True)]
    expected = ndimage.zoom(labels, zoom, order=0, mode="nearest")
    np.testing.assert_array_equal(labels_on_grid(labels, shape), expected)


def test_a_volume_is_resampled_once_and_painted_in_order(tmp_path: Path) -> None:
    groups = [tiny_group(tmp_path, "liver"), tiny_group(tmp_path, "spleen", "aorta")]
    segmenters = [GroupSegmenter(group, SCHEMA) for group in groups]
    volume = Volume(random_hu(50, 30, 40), np.diag([1.0, 1.0, 2.0, 1.0]))
    hu = to_model_grid(volume, (3.0, 2.0, 4.0))
    labels = segment_volume(volume, segmenters)
    assert labels.shape == hu.shape == (17, 15, 20)
    np.testing.assert_array_equal(labels, paint([one.segment(hu) for one in segmenters]))
