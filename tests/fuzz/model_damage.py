"""What can be wrong with a model folder, a model set or a settings file."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.support.tiny_model import write_tiny_model

PLANS, DATASET, CHECKPOINT = "plans.json", "dataset.json", "fold_0/checkpoint_final.pth"
SET, SETTINGS = "set.toml", "settings.toml"
FOLDER = "first/Trainer__nnUNetPlans__3d_fullres"
SCHEMA = "paper104"

Files = dict[str, bytes]
DEEP = 20_000
"""Brackets in brackets: far more than Python calls functions in functions."""


@cache
def whole_files(*, old_plans: bool) -> Files:
    """What is accepted before the damage."""
    with tempfile.TemporaryDirectory() as made:
        folder = write_tiny_model(Path(made), old_plans=old_plans)
        files = {name: (folder / name).read_bytes() for name in (PLANS, DATASET, CHECKPOINT)}
    files[SET] = _set_toml(files[CHECKPOINT], _SET)
    files[SETTINGS] = _toml(_SETTINGS)
    return files


_SET: dict[str, Any] = {
    "name": "tiny",
    "schema": SCHEMA,
    "order": 3,
    "step": 0.8,
    "precision": "float32",
    "licence": "CC0",
    "warning": "For tests.",
    "groups": [{"name": "first", "folder": FOLDER, "sha256": "?"}],
}

_SETTINGS: dict[str, Any] = {
    "tables": "tables",
    "archive": "archive",
    "model_set": "embedded",
    "lanes": 2,
    "calls_per_lane": 2,
    "commit_every_cts": 50,
    "commit_every_s": 60.0,
    "ages_above_90": False,
    "retry_failed": False,
    "max_attempts": 4,
    "precision": "float32",
    "engine": "auto",
    "device": "auto",
    "group_timeout_s": 7200.0,
}


def checkpoint_of(files: Files) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(io.BytesIO(files[CHECKPOINT]), weights_only=False)
    return content


def _set_toml(checkpoint: bytes, content: Any) -> bytes:
    return _toml(content).replace(b'"?"', f'"{hashlib.sha256(checkpoint).hexdigest()}"'.encode())


def _toml(content: Any) -> bytes:
    if not isinstance(content, dict):
        return f"groups = {_toml_value(content)}\n".encode()
    lines = [f"{json.dumps(key)} = {_toml_value(value)}\n" for key, value in content.items()]
    return "".join(lines).encode()


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{json.dumps(k)} = {_toml_value(v)}" for k, v in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    if value is None:
        return "1979-05-27"  # TOML has dates, and no null
    if isinstance(value, int) and value > 2**64:
        return hex(value**2)  # which has no limit of digits
    text = json.dumps(value)
    return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(text, text)


# What a field may become.
_STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 5, 7, -16, 255, 256, 1000, 10**6, 999999999, 10**30),
    *(1e-12, 1e-9, 1e-5, 0.0, -0.0, 0.5, 1.5, 2.5, -3.0, 1e5, 1e300, np.nan, np.inf, -np.inf),
    *("", " ", "abc", "1", "nan", "Infinity", "a\nb", "a\0b", "x" * 3000, "../..", "/", "\u202e"),
    *([], [1], [[]], ["a"], [1, 2, 3], [0, 0, 0], [-1, -1, -1], [np.nan] * 3, [2, 1, 0], [[1]] * 3),
    *({}, {"a": 1}, {"0": {}}, {"name": "b"}, 10**3000),
)


def _strange(rng: np.random.Generator) -> Any:
    return copy.deepcopy(_STRANGE[int(rng.integers(len(_STRANGE)))])


def _change(rng: np.random.Generator, content: Any) -> tuple[Any, str]:
    """One field somewhere is another, gone, there twice, or named otherwise."""
    content = copy.deepcopy(content)
    if rng.random() < 0.03:
        strange = _strange(rng)
        return strange, f"all is {strange!r:.60}"
    place, key, way = _somewhere(rng, content)
    deed = str(rng.choice(["value", "value", "value", "value", "gone", "name", "twice"]))
    if deed == "gone":
        del place[key]
    elif deed == "name" and isinstance(place, dict):
        place[f"{key}s"] = place.pop(key)
    elif deed == "twice" and isinstance(place, list):
        place.insert(key, copy.deepcopy(place[key]))
    else:
        place[key] = _strange(rng)
        deed = f"{place[key]!r:.60}"
    return content, f"{way} {deed}"


def _somewhere(rng: np.random.Generator, content: Any) -> tuple[Any, Any, str]:
    way = ""
    while True:
        keys = list(content) if isinstance(content, dict) else list(range(len(content)))
        key = keys[int(rng.integers(len(keys)))]
        way += f" > {key}"
        below = content[key]
        if not isinstance(below, dict | list) or not below or rng.random() < 0.2:
            return content, key, way
        content = below


def _raw(rng: np.random.Generator, data: bytes) -> tuple[bytes, str]:
    """The bytes of a file, whatever is in it."""
    deed = str(
        rng.choice(["empty", "cut", "bits", "Latin-1", "deep", "deep value", "zeros", "BOM"])
    )
    half = int(rng.integers(len(data)))
    brackets = b"[" * DEEP + b"]" * DEEP
    changed = bytearray(data)
    for at in rng.integers(0, len(data), 5):
        changed[at] ^= 1 << int(rng.integers(8))
    became = {
        "empty": b"",
        "cut": data[:half],
        "bits": bytes(changed),
        "Latin-1": data[:half] + b"\xe4" + data[half:],
        "deep": brackets,
        "deep value": b"a = " + brackets if data[:1] != b"{" else b'{"a": ' + brackets + b"}",
        "zeros": bytes(len(data)),
        "BOM": b"\xef\xbb\xbf" + data,
    }
    return became[deed], deed


def _damage_json(name: str) -> Callable[[np.random.Generator, Files], str]:
    def damage(rng: np.random.Generator, files: Files) -> str:
        if rng.random() < 0.1:
            files[name], done = _raw(rng, files[name])
            return done
        content, done = _change(rng, json.loads(files[name]))
        files[name] = json.dumps(content).encode()
        if rng.random() < 0.05:
            files[name] = files[name].replace(b'"spacing"', b'"patch_size": 1, "spacing"')
        return done

    return damage


def _damage_set(rng: np.random.Generator, files: Files) -> str:
    content = copy.deepcopy(_SET)
    extra = int(rng.integers(4))
    if extra == 1:
        content["groups"].append(dict(content["groups"][0]))
    elif extra == 2:
        content["groups"][0] |= {"crop_to": ["liver"], "crop_margin_mm": 10}
    elif extra == 3:
        content["compat"] = "totalsegmentator-2.18"
    content, done = _change(rng, content)
    files[SET] = _set_toml(files[CHECKPOINT], content)
    if rng.random() < 0.1:
        files[SET], done = _raw(rng, files[SET])
    return done


def _damage_settings(rng: np.random.Generator, files: Files) -> str:
    content, done = _change(rng, _SETTINGS)
    files[SETTINGS] = _toml(content)
    if rng.random() < 0.1:
        files[SETTINGS], done = _raw(rng, files[SETTINGS])
    return done


def _damage_checkpoint(rng: np.random.Generator, files: Files) -> str:
    content = checkpoint_of(files)
    if rng.random() < 0.2:
        files[CHECKPOINT], done = _raw(rng, files[CHECKPOINT])
    elif rng.random() < 0.3:
        files[CHECKPOINT], done = _repack(rng, files[CHECKPOINT]), "pickle"
    else:
        done = _change_checkpoint(rng, content)
        stream = io.BytesIO()
        torch.save(content if done != "list" else [content], stream)
        files[CHECKPOINT] = stream.getvalue()
    files[SET] = _set_toml(files[CHECKPOINT], _SET)
    return done


def _repack(rng: np.random.Generator, data: bytes) -> bytes:
    """A whole .zip whose pickle is damaged: no checksum tells."""
    became = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(became, "w") as new:
        for member in old.infolist():
            content = bytearray(old.read(member))
            if member.filename.endswith("data.pkl"):
                at = int(rng.integers(len(content)))
                content[at : at + int(rng.choice([0, 1, 2, 10**6]))] = rng.bytes(1)
            new.writestr(member.filename, bytes(content))
    return became.getvalue()


def _change_checkpoint(rng: np.random.Generator, content: dict[str, Any]) -> str:
    weights = content["network_weights"]
    name = str(rng.choice(list(weights)))
    tensor = weights[name]
    values: dict[str, Any] = {
        "nan": torch.where(torch.rand_like(tensor) < 0.2, torch.nan, tensor),
        "inf": torch.full_like(tensor, torch.inf),
        "too large": tensor.double() * 1e300,
        "half": tensor.half(),
        "shape": torch.zeros(3, 2),
        "huge": torch.zeros(1).expand(10**7, 10**5),
        "int": tensor.int(),
        "complex": tensor.to(torch.complex64),
        "bool": tensor > 0,
        "sparse": tensor.to_sparse(),
        "meta": tensor.to("meta"),
        "null": None,
        "number": 1.5,
    }
    deed = str(rng.choice([*values, "gone", "name", "key", "prefix", "field", "args", "list"]))
    if deed in values:
        weights[name] = values[deed]
    elif deed == "gone":
        del weights[name]
    elif deed == "name":
        weights[f"{name}s"] = weights.pop(name)
    elif deed == "key":
        weights[5] = tensor
    elif deed == "prefix":
        content["network_weights"] = {f"module.{key}": one for key, one in weights.items()}
    elif deed == "field":
        content[str(rng.choice(list(content)))] = _small(rng)
    elif deed == "args":
        content["init_args"]["configuration"] = _small(rng)
    return f"{name} {deed}"


def _small(rng: np.random.Generator) -> Any:
    return [None, 1, "abc", [], {}, [1], {"a": 1}, torch.zeros(2), True][int(rng.integers(9))]


DAMAGES: dict[str, Callable[[np.random.Generator, Files], str]] = {
    PLANS: _damage_json(PLANS),
    DATASET: _damage_json(DATASET),
    SET: _damage_set,
    SETTINGS: _damage_settings,
    CHECKPOINT: _damage_checkpoint,
}
SHARES = (0.35, 0.15, 0.2, 0.15, 0.15)
"""Of the kinds, in their order."""
