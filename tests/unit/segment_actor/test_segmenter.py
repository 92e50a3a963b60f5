"""From local labels to one label map on the CT's grid."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from segment_actor.anatomy import load_schema
from segment_actor.engine import choice
from segment_actor.engine.choice import choose
from segment_actor.engine.load import load_backend
from segment_actor.engine.sliding_window import predict_labels
from segment_actor.errors import FailureCode, SeriesError, SetupError
from segment_actor.grid.resampling import to_model_grid
from segment_actor.models.folder import file_sha256, read_model_folder
from segment_actor.models.set import Group
from segment_actor.segmenter import GroupSegmenter, labels_on_grid, paint, segment_volume
from segment_actor.volume import Volume
from tests.support.tiny_model import write_tiny_model

SCHEMA = load_schema("paper104")


def tiny_group(root: Path, *labels: str) -> Group:
    folder = write_tiny_model(root / labels[0], labels)
    return Group(labels[0], folder, file_sha256(folder / "fold_0/checkpoint_final.pth"))


def random_hu(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.random.default_rng(0).integers(-900, 900, shape).astype(np.int16)


def test_a_group_labels_with_the_ids_of_its_names(tmp_path: Path) -> None:
    group = tiny_group(tmp_path, "vertebrae_L5", "spleen")
    hu = random_hu(18, 20, 16)
    backend = load_backend(group.folder, choose("torch", "cpu"))
    local = predict_labels(read_model_folder(group.folder), backend, hu)
    ids = GroupSegmenter(group, SCHEMA, engine="torch").segment(hu)
    assert set(np.unique(local)) <= {0, 1, 2}
    assert len(np.unique(local)) > 1
    np.testing.assert_array_equal(ids == SCHEMA.ids["spleen"], local == 2)
    np.testing.assert_array_equal(ids == SCHEMA.ids["vertebrae_L5"], local == 1)


def test_a_replaced_checkpoint_is_not_loaded(tmp_path: Path) -> None:
    group = tiny_group(tmp_path, "liver")
    with pytest.raises(SetupError, match="SHA-256"):
        GroupSegmenter(Group(group.name, group.folder, "0" * 64), SCHEMA)


def test_torch_gets_the_threads_it_is_given(tmp_path: Path) -> None:
    GroupSegmenter(tiny_group(tmp_path, "liver"), SCHEMA, threads=1, engine="torch")
    assert torch.get_num_threads() == 1


def test_a_processor_without_bfloat16_says_so_and_runs_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choice, "_cpu_has_bfloat16", lambda: False)
    with caplog.at_level(logging.WARNING):
        liver = GroupSegmenter(tiny_group(tmp_path, "liver"), SCHEMA, 0.5, 1, "bfloat16", "torch")
    assert liver.choice.precision == "float32"
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
    segmenters = [GroupSegmenter(group, SCHEMA, engine="torch") for group in groups]
    volume = Volume(random_hu(50, 30, 40), np.diag([1.0, 1.0, 2.0, 1.0]))
    hu = to_model_grid(volume, (3.0, 2.0, 4.0))
    labels = segment_volume(volume, segmenters)
    assert labels.shape == hu.shape == (17, 15, 20)
    np.testing.assert_array_equal(labels, paint([one.segment(hu) for one in segmenters]))


def test_two_calls_at_a_time_give_what_one_by_one_gives(tmp_path: Path) -> None:
    one = GroupSegmenter(tiny_group(tmp_path, "liver", "spleen"), SCHEMA, engine="openvino")
    cts = [random_hu(18, 20, 16 + n) for n in range(4)]
    expected = [one.segment(ct) for ct in cts]
    with ThreadPoolExecutor(4) as pool:
        for labels, alone in zip(pool.map(one.segment, cts), expected, strict=True):
            np.testing.assert_array_equal(labels, alone)


def test_a_ct_that_cannot_fit_is_refused_in_a_sentence(tmp_path: Path) -> None:
    liver = GroupSegmenter(tiny_group(tmp_path, "liver"), SCHEMA, engine="torch", share=1e-9)
    with pytest.raises(SeriesError, match=r"16 x 16 x 20 voxels.*GB are free") as refused:
        liver.segment(random_hu(16, 20, 16))
    assert refused.value.code is FailureCode.TOO_LARGE
