"""Model folders, model sets and settings, as far as to a network that could run."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from jobs.segment_run.config import segment_config
from segment_actor.engine.torch.network import load_network
from segment_actor.models.set import load_model_set
from tests.fuzz import model_reference
from tests.fuzz.case import Arrays, Case, attempt
from tests.fuzz.model_damage import (
    CHECKPOINT,
    DAMAGES,
    DATASET,
    FOLDER,
    PLANS,
    SCHEMA,
    SET,
    SETTINGS,
    SHARES,
    Files,
    checkpoint_of,
    whole_files,
)

SANE: Arrays = (np.ones(1),)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Folders with plans of both styles, their set and settings, of which one file is damaged."""
    while True:
        files = dict(whole_files(old_plans=bool(rng.random() < 0.3)))
        kind = str(rng.choice(list(DAMAGES), p=list(SHARES)))
        done = DAMAGES[kind](rng, files)
        yield _case(f"{kind}: {done}", files, with_network=kind in (PLANS, CHECKPOINT))


def _case(name: str, files: Files, *, with_network: bool) -> Case:
    return Case(name, files, lambda: _read(files, network=with_network), lambda: _expected(files))


def _read(files: Files, *, network: bool) -> Arrays:
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        for name, content in files.items():
            path = root / (FOLDER if name in (PLANS, DATASET, CHECKPOINT) else "") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        segment_config(root / SETTINGS, {})
        models = load_model_set(root / SET)
        if network:
            module = load_network(models.groups[0].folder)
            with torch.inference_mode():
                module.module(torch.zeros(1, 1, *module.patch_size))
    return SANE


def _expected(files: Files) -> Arrays:
    error = attempt(partial(_check, files))
    if isinstance(error, MemoryError | RuntimeError):  # torch without mmap: other damage than ours
        raise error
    return SANE if error is None else (np.zeros(1),)


def _check(files: Files) -> None:
    """Raises whatever it likes about files that are not sane."""
    model_reference.check_folder(files[PLANS], files[DATASET], SCHEMA)
    model_reference.check_set(files[SET], hashlib.sha256(files[CHECKPOINT]).hexdigest())
    model_reference.check_settings(files[SETTINGS])
    model_reference.check_checkpoint(files[CHECKPOINT], _shapes())


@cache
def _shapes() -> dict[str, tuple[int, ...]]:
    weights = checkpoint_of(whole_files(old_plans=False))["network_weights"]
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}
