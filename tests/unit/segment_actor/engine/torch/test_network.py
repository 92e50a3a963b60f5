"""Loading nnU-Net folders: what fits is loaded, everything else is refused with a remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from segment_actor.engine.torch.network import load_network
from segment_actor.errors import SetupError
from tests.support.tiny_model import tiny_network, write_tiny_model

CHECKPOINT = "fold_0/checkpoint_final.pth"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path)


def edit_json(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("old_plans", [False, True])
def test_both_plan_styles_give_the_trained_network(tmp_path: Path, old_plans: bool) -> None:
    network = load_network(write_tiny_model(tmp_path, old_plans=old_plans))
    window = torch.randn(1, 1, 16, 16, 16)
    with torch.inference_mode():
        expected = tiny_network(3).eval()(window)[0]  # deep supervision: the finest output first
        torch.testing.assert_close(network.module(window), expected)


def test_facts_are_in_our_axis_order(folder: Path) -> None:
    network = load_network(folder)
    assert network.spacing_mm == (3.0, 2.0, 4.0)  # plans: (y, z, x) = 2, 4, 3
    assert network.label_names == {0: "background", 1: "liver", 2: "spleen"}
    assert network.normalization.lower_hu == -900.0


def test_a_residual_network_is_built(folder: Path) -> None:
    def to_residual(plans: dict[str, Any]) -> None:
        architecture = plans["configurations"]["3d_fullres"]["architecture"]
        architecture["network_class_name"] = "somewhere.ResidualEncoderUNet"
        arguments = architecture["arch_kwargs"]
        arguments["n_blocks_per_stage"] = arguments.pop("n_conv_per_stage")

    edit_json(folder / "plans.json", to_residual)
    with pytest.raises(SetupError, match="does not fit the network of its plans"):
        load_network(folder)  # built, and the plain network's weights refused


@pytest.mark.parametrize("name", ["plans.json", "dataset.json", CHECKPOINT])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(SetupError, match=name):
        load_network(folder)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"patch_size": [16, 16]}, "2-D"),
        ({"previous_stage": "3d_lowres"}, "cascade"),
        ({"normalization_schemes": ["ZScoreNormalization"]}, "ZScoreNormalization"),
        ({"spacing": None}, "not an nnU-Net v2 model folder"),
    ],
)
def test_plans_we_cannot_run_are_refused(
    folder: Path, values: dict[str, Any], sentence: str
) -> None:
    edit_json(folder / "plans.json", lambda p: p["configurations"]["3d_fullres"].update(values))
    with pytest.raises(SetupError, match=sentence):
        load_network(folder)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"background": 0, "trunk": [1, 2], "liver": 2}, "region-based"),
        ({"background": 0, "liver": 1, "spleen": 3}, "without gaps"),
    ],
)
def test_labels_we_cannot_run_are_refused(
    folder: Path, labels: dict[str, Any], sentence: str
) -> None:
    edit_json(folder / "dataset.json", lambda d: d.update(labels=labels))
    with pytest.raises(SetupError, match=sentence):
        load_network(folder)


def test_an_ignore_label_has_no_output_channel(folder: Path) -> None:
    edit_json(folder / "dataset.json", lambda d: d["labels"].update(ignore=3))
    assert len(load_network(folder).label_names) == 3


def test_unknown_network_and_layer_classes_are_never_imported(folder: Path) -> None:
    edit_json(
        folder / "plans.json",
        lambda p: p["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"].update(
            nonlin="os.system"
        ),
    )
    with pytest.raises(SetupError, match="layer 'system' is not supported"):
        load_network(folder)


def test_a_checkpoint_that_could_run_code_is_refused(folder: Path) -> None:
    torch.save({"network_weights": {}, "hook": Path("/")}, folder / CHECKPOINT)
    with pytest.raises(SetupError, match="could run code"):
        load_network(folder)


def test_a_damaged_checkpoint_is_refused(folder: Path) -> None:
    whole = (folder / CHECKPOINT).read_bytes()
    (folder / CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SetupError, match="damaged"):
        load_network(folder)


def test_a_folder_named_after_another_configuration_is_refused(folder: Path) -> None:
    edit_json(
        folder / "plans.json",
        lambda p: p["configurations"].update({"3d_lowres": p["configurations"]["3d_fullres"]}),
    )
    with pytest.raises(SetupError, match="checkpoint is of configuration '3d_fullres'"):
        load_network(folder.rename(folder.with_name("Trainer__nnUNetPlans__3d_lowres")))


def test_the_digest_changes_with_any_of_the_three_files(folder: Path) -> None:
    before = load_network(folder).digest
    edit_json(folder / "dataset.json", lambda d: d.update(numTraining=2))
    assert load_network(folder).digest != before
    assert len(before) == 64
