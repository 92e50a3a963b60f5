"""Of a model folder's two JSON files, what is absent, of another type or absurd is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segment_actor.errors import SetupError
from segment_actor.models.folder import read_model_folder
from segment_actor.models.official import official_models
from segment_actor.models.set import load_model_set
from tests.support.official_model import write_official
from tests.support.tiny_model import write_tiny_model

DEEP = "[" * 20_000 + "]" * 20_000


@pytest.fixture(params=[False, True], ids=["new plans", "old plans"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return write_tiny_model(tmp_path, old_plans=request.param)


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("name", ["plans.json", "dataset.json"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", r"json must be an object, got \[\]"),
        (b"5", "json must be an object, got 5"),
        (b"{}", "has no '(configurations|modality)'"),
        (b'{"a": "\xe4"}', "is not UTF-8 text"),
        (DEEP.encode(), "is nested too deeply"),
        (b'{"labels": {}, "labels": {}}', "the key 'labels' stands twice"),
    ],
)
def test_a_file_that_is_no_object_is_refused(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    folder = write_tiny_model(tmp_path)
    (folder / name).write_bytes(content)
    with pytest.raises(SetupError, match=sentence):
        read_model_folder(folder)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("patch_size", [math.inf, 16, 16], "patch_size > 0 must be a whole number .*, got inf"),
        ("patch_size", [0, 16, 16], "patch_size > 0 must be a whole number from 1 .*, got 0"),
        ("patch_size", [-16, 16, 16], "got -16"),
        ("patch_size", [16, 16, 10**6], "patch_size > 2 must be a whole number from 1 to 1,024"),
        ("patch_size", [512, 512, 512], "more than 16,777,216 voxels"),
        ("patch_size", [16, 18, 16], "must be a multiple of the network's strides"),
        ("patch_size", [4, 4, 4], "leave 2 voxels on the coarsest stage"),
        ("patch_size", [True, 16, 16], "got True"),
        ("spacing", [0, 2, 3], "spacing > 0 must be a number from 0.05 to 25, got 0"),
        ("spacing", [2, -1, 3], "got -1"),
        ("spacing", [2, 2, math.nan], "spacing > 2 must be a number .*, got nan"),
        ("spacing", [1e-9, 2, 3], "got 1e-09"),
        ("spacing", "abc", "spacing must be a list of 3 values, got 'abc'"),
        ("spacing", [10**400, 2, 3], "got a number of 1329 bits"),
        ("inherits_from", "3d_fullres", "inherits_from names no other configuration"),
        ("inherits_from", ["a"], "inherits_from must be a text"),
    ],
)
def test_an_absurd_configuration_is_refused(
    folder: Path, key: str, value: object, sentence: str
) -> None:
    edit(folder / "plans.json", lambda p: p["configurations"]["3d_fullres"].update({key: value}))
    with pytest.raises(SetupError, match=sentence):
        read_model_folder(folder)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("configurations", ["3d_fullres"], "configurations must be an object"),
        ("configurations", {"3d_fullres": []}, r"3d_fullres must be an object, got \[\]"),
        ("transpose_forward", [0, 0, 1], "must name each axis once"),
        ("foreground_intensity_properties_per_channel", {"1": {}}, "per_channel has no '0'"),
    ],
)
def test_absurd_plans_are_refused(folder: Path, key: str, value: object, sentence: str) -> None:
    edit(folder / "plans.json", lambda p: p.update({key: value}))
    with pytest.raises(SetupError, match=sentence):
        read_model_folder(folder)


@pytest.mark.parametrize(
    ("hu", "sentence"),
    [
        ({"mean": math.nan}, "mean must be a number from -100000 to 100000, got nan"),
        ({"percentile_00_5": 1200.0}, "percentile_00_5 must be below percentile_99_5"),
        ({"std": 0}, "std must be a number from 0.001 to 100000, got 0"),
        ({"std": math.inf}, "std must be a number"),
    ],
)
def test_an_absurd_normalisation_is_refused(
    folder: Path, hu: dict[str, float], sentence: str
) -> None:
    key = "foreground_intensity_properties_per_channel"
    edit(folder / "plans.json", lambda p: p[key]["0"].update(hu))
    with pytest.raises(SetupError, match=sentence):
        read_model_folder(folder)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"colour": 1}, "arch_kwargs has an unknown key 'colour'"),
        ({"norm_op_kwargs": {"epsilon": 1}}, r"unknown key 'epsilon' \(did you mean 'eps'\)"),
        ({"norm_op_kwargs": {"eps": math.nan}}, "eps must be a number"),
        ({"norm_op": "torch.nn.Conv3d"}, "layer 'Conv3d' is not supported, use one of Instance"),
        ({"n_stages": 10**9}, "n_stages must be a whole number from 2 to 12"),
        ({"features_per_stage": [4, 8]}, "features_per_stage must be a list of 3 values"),
        ({"kernel_sizes": [[3, 3, 3], [2, 3, 3], [3, 3, 3]]}, "must be odd, got 2"),
        ({"strides": [[1, 1, 1], [0, 2, 2], [2, 2, 2]]}, "strides > 1 > 0 must be a whole number"),
        ({"conv_op": None}, "conv_op must be a text"),
    ],
)
def test_an_absurd_architecture_is_refused(
    tmp_path: Path, arguments: dict[str, Any], sentence: str
) -> None:
    folder = write_tiny_model(tmp_path)
    edit(
        folder / "plans.json",
        lambda p: p["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"].update(
            arguments
        ),
    )
    with pytest.raises(SetupError, match=sentence):
        read_model_folder(folder)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (["background", "liver"], "labels must be an object"),
        ({"background": 0, "liver": True}, "labels > liver must be a whole number"),
        ({"background": 0, "liver": 1.5}, "labels > liver must be a whole number"),
        ({"background": 0, "": 1}, "labels is empty"),
        ({"background": 0}, "without gaps"),
    ],
)
def test_absurd_labels_are_refused(folder: Path, labels: object, sentence: str) -> None:
    edit(folder / "dataset.json", lambda d: d.update(labels=labels))
    with pytest.raises(SetupError, match=sentence):
        read_model_folder(folder)


def test_what_is_said_once_for_all_stages_is_spelt_out(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    before = read_model_folder(folder).architecture.arguments
    edit(
        folder / "plans.json",
        lambda p: p["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"].update(
            kernel_sizes=3, strides=[1, 2, 2], n_conv_per_stage=1
        ),
    )
    assert read_model_folder(folder).architecture.arguments == before


def test_a_configuration_may_inherit(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)

    def split(plans: dict[str, Any]) -> None:
        base = plans["configurations"].pop("3d_fullres")
        own = {"inherits_from": "base", "spacing": [1.0, 1.0, 1.0]}
        plans["configurations"] = {"base": base, "3d_fullres": own}

    edit(folder / "plans.json", split)
    assert read_model_folder(folder).spacing_mm == (1.0, 1.0, 1.0)


def test_nnunets_labels_may_be_texts(folder: Path) -> None:
    edit(folder / "dataset.json", lambda d: d.update(labels={"background": "0", "liver": "1"}))
    assert read_model_folder(folder).label_names == {0: "background", 1: "liver"}


@pytest.mark.parametrize("model", official_models(), ids=lambda model: model.number)
def test_official_folders_are_accepted(tmp_path: Path, model: Any) -> None:
    folder = read_model_folder(write_official(tmp_path, model))
    assert folder.spacing_mm == (model.spacing_mm,) * 3
    assert tuple(folder.label_names.values())[1:] == model.structures


@pytest.mark.parametrize("name", ["embedded", "embedded-fast"])
def test_embedded_folders_are_accepted(name: str) -> None:
    for group in load_model_set(name).groups:
        assert read_model_folder(group.folder).patch_size[0] >= 64
