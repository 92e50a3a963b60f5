"""From local labels to one label map on the CT's grid."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segment_actor.anatomy import load_schema
from segment_actor.engine import choice
from segment_actor.engine.load import load_backend
from segment_actor.engine.sliding_window import predict_labels
from segment_actor.errors import FailureCode, SeriesError, SetupError
from segment_actor.execution import Execution
from segment_actor.models.folder import file_sha256, read_model_folder
from segment_actor.models.group import Group
from segment_actor.segmenter import GroupSegmenter
from tests.support.tiny_model import write_tiny_model

SCHEMA = load_schema("paper104")
TORCH = Execution(engine="torch", device="cpu")


def tiny_group(root: Path, *labels: str) -> Group:
    folder = write_tiny_model(root / labels[0], labels)
    return Group(labels[0], folder, file_sha256(folder / "fold_0/checkpoint_final.pth"))


def random_hu(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.random.default_rng(0).integers(-900, 900, shape).astype(np.int16)


def test_a_group_labels_with_the_ids_of_its_names(tmp_path: Path) -> None:
    group = tiny_group(tmp_path, "vertebrae_L5", "spleen")
    hu = random_hu(18, 20, 16)
    backend = load_backend(group.folder, TORCH)
    local = predict_labels(read_model_folder(group.folder), backend, hu)
    ids = GroupSegmenter(group, SCHEMA, execution=TORCH).segment(hu)
    assert set(np.unique(local)) <= {0, 1, 2}
    assert len(np.unique(local)) > 1
    np.testing.assert_array_equal(ids == SCHEMA.ids["spleen"], local == 2)
    np.testing.assert_array_equal(ids == SCHEMA.ids["vertebrae_L5"], local == 1)


def test_a_replaced_checkpoint_is_not_loaded(tmp_path: Path) -> None:
    group = tiny_group(tmp_path, "liver")
    with pytest.raises(SetupError, match="SHA-256"):
        GroupSegmenter(Group(group.name, group.folder, "0" * 64), SCHEMA)


@pytest.mark.parametrize("threads", [2, 1])  # one last: it stays so for the tests after this
def test_torch_gets_the_threads_it_is_given(tmp_path: Path, threads: int) -> None:
    execution = replace(TORCH, threads=threads)
    GroupSegmenter(tiny_group(tmp_path, "liver"), SCHEMA, execution=execution)
    assert torch.get_num_threads() == threads


def test_a_processor_without_bfloat16_says_so_and_runs_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choice, "_cpu_has_bfloat16", lambda: False)
    with caplog.at_level(logging.WARNING):
        wanted = replace(TORCH, precision="bfloat16")
        liver = GroupSegmenter(tiny_group(tmp_path, "liver"), SCHEMA, execution=wanted)
    assert liver.execution.precision == "float32"
    assert "no bfloat16" in caplog.text


def test_two_calls_at_a_time_give_what_one_by_one_gives(tmp_path: Path) -> None:
    one = GroupSegmenter(
        tiny_group(tmp_path, "liver", "spleen"), SCHEMA, execution=Execution(engine="openvino")
    )
    cts = [random_hu(18, 20, 16 + n) for n in range(4)]
    expected = [one.segment(ct) for ct in cts]
    with ThreadPoolExecutor(4) as pool:
        for labels, alone in zip(pool.map(one.segment, cts), expected, strict=True):
            np.testing.assert_array_equal(labels, alone)


def test_a_ct_that_cannot_fit_is_refused_in_a_sentence(tmp_path: Path) -> None:
    liver = GroupSegmenter(
        tiny_group(tmp_path, "liver"), SCHEMA, execution=replace(TORCH, share=1e-9)
    )
    with pytest.raises(SeriesError, match=r"16 x 16 x 20 voxels.*GB are free") as refused:
        liver.segment(random_hu(16, 20, 16))
    assert refused.value.code is FailureCode.TOO_LARGE
