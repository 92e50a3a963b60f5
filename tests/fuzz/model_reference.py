"""What a sane model folder, model set and settings file are, said a second time and apart.

Every function returns nothing, or raises whatever it stumbles over: then the input is not sane.
"""

from __future__ import annotations

import io
import json
import math
import tomllib
from typing import Any

import torch

from segment_actor.anatomy import load_schema, schema_names

CONFIGURATION = "3d_fullres"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def _json(data: bytes) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(data.decode(), object_pairs_hook=_once)
    return content


def _number(value: Any, least: float, most: float) -> float:
    assert type(value) in (int, float)
    assert math.isfinite(value)
    assert least <= value <= most
    return float(value)


def _whole(value: Any, least: int, most: int) -> int:
    assert _number(value, least, most) == int(value)
    return int(value)


def _words(value: Any) -> str:
    assert isinstance(value, str)
    assert value.strip()
    assert "\n" not in value
    assert "\0" not in value
    return value


def check_folder(plans: bytes, dataset: bytes, schema: str) -> None:
    """plans.json and dataset.json of a model of one stage, for one CT channel."""
    content, described = _json(plans), _json(dataset)
    configurations = content["configurations"]
    own = configurations[CONFIGURATION]
    if own.get("inherits_from"):
        own = configurations[own["inherits_from"]] | own
    assert sorted(content["transpose_forward"]) == [0, 1, 2]
    assert not any(isinstance(axis, bool) for axis in content["transpose_forward"])
    assert len(own["spacing"]) == len(own["patch_size"]) == 3
    for mm in own["spacing"]:
        _number(mm, 0.05, 25)
    network = own.get("architecture")
    strides = network["arch_kwargs"]["strides"] if network else own["pool_op_kernel_sizes"]
    for axis, voxels in enumerate(own["patch_size"]):
        down = math.prod(s if isinstance(s, int) else s[axis] for s in strides)
        assert _whole(voxels, 2, 2000) % down == 0
    assert math.prod(own["patch_size"]) <= 300**3
    assert not own.get("previous_stage")
    assert own["normalization_schemes"] == ["CTNormalization"]
    _check_normalization(content)
    _check_labels(described, schema)


def _check_normalization(content: dict[str, Any]) -> None:
    hu = (
        content.get("foreground_intensity_properties_per_channel")
        or content["foreground_intensity_properties_by_modality"]
    )["0"]
    low, high = (_number(hu[f"percentile_{p}"], -1e5, 1e5) for p in ("00_5", "99_5"))
    assert low < high
    _number(hu["mean"], -1e5, 1e5)
    assert _number(hu["std"], 0, 1e5) > 1e-6


def _check_labels(described: dict[str, Any], schema: str) -> None:
    channels = described.get("channel_names") or described["modality"]
    assert isinstance(channels, dict)
    assert len(channels) == 1
    labels = {name: value for name, value in described["labels"].items() if name != "ignore"}
    values = sorted(_whole(int(value), 0, 255) for value in labels.values())
    assert not any(isinstance(value, bool) for value in labels.values())
    assert all(not isinstance(v, float) or v == int(v) for v in labels.values())
    assert values == list(range(len(labels)))
    assert {name for name, value in labels.items() if int(value)} <= set(load_schema(schema).names)


SET_KEYS = {
    "name", "schema", "order", "step", "precision", "licence", "warning", "compat", "groups",
}  # fmt: skip
GROUP_KEYS = {
    "name", "folder", "sha256", "plans_sha256", "dataset_sha256", "crop_to", "crop_margin_mm",
}  # fmt: skip


def check_set(text: bytes, sha256: str) -> None:
    """A set of models that lie beside it."""
    content = tomllib.loads(text.decode())
    assert content.keys() <= SET_KEYS
    assert content["schema"] in schema_names()
    _words(content["name"])
    _words(content["licence"])
    assert isinstance(content.get("warning", ""), str)
    assert content.get("order", 3) in (0, 1, 3)
    assert not isinstance(content.get("order"), bool)
    _number(content.get("step", 0.5), 0.05, 1)
    assert content.get("precision", "float32") in ("float32", "bfloat16", "float16")
    assert content.get("compat", "totalsegmentator-2.18") == "totalsegmentator-2.18"
    groups = content["groups"]
    assert isinstance(groups, list)
    assert 1 <= len(groups) <= 100
    assert len({group["name"] for group in groups}) == len(groups)
    for group in groups:
        assert group.keys() <= GROUP_KEYS
        _words(group["name"])
        _words(group["folder"])
        assert group["sha256"] == sha256
        if group.keys() & {"crop_to", "crop_margin_mm"}:
            assert group["crop_to"]
            assert set(group["crop_to"]) <= set(load_schema(content["schema"]).names)
            _number(group["crop_margin_mm"], 0, 1000)


def check_settings(text: bytes) -> None:
    """A settings file of `segment`."""
    content = tomllib.loads(text.decode())
    sources = {"archive", "index"}
    texts = {"tables", "model_set", "address", "demographics", "labels", "compat", *sources}
    words: dict[str, tuple[str, ...]] = {
        "precision": ("float32", "bfloat16", "float16"),
        "device": ("auto", "cpu", "gpu"),
        "engine": ("auto", "openvino", "torch", "compile"),
        "series": ("one-per-acquisition", "all"),
    }
    counts = {"lanes", "calls_per_lane", "commit_every_cts", "max_attempts"}
    assert sources & content.keys()
    assert "archive" in content or "demographics" not in content
    _words(content["tables"])
    for key, value in content.items():
        if key in texts:
            _words(value)
        elif key in words:
            assert value in words[key]
        elif key in counts:
            assert isinstance(value, int)
            _whole(value, 1, 1_000_000)
        elif key in {"retry_failed", "ages_above_90"}:
            assert isinstance(value, bool)
        else:
            assert key in {"commit_every_s", "group_timeout_s"}
            _number(value, 0.01, 1e6)


def check_checkpoint(data: bytes, shapes: dict[str, tuple[int, ...]]) -> None:
    """Of nnU-Net, with finite weights of the shapes that the plans ask for."""
    content = torch.load(io.BytesIO(data), weights_only=False)
    assert content.get("init_args", {}).get("configuration", CONFIGURATION) == CONFIGURATION
    weights = content["network_weights"]
    plain = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    assert {name: tuple(tensor.shape) for name, tensor in plain.items()} == shapes
    for tensor in plain.values():
        assert tensor.is_floating_point()
        assert torch.isfinite(tensor.float()).all()
