"""Benchmark cases of the network: one window on each engine, and the sums over windows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from jobs.bench_cases.case import (
    BenchCase,
    Setting,
    Side,
    Sides,
    required_weights,
    run_official,
    trunk_case,
)
from jobs.bench_cases.cost import cost_of_call
from segment_actor.engine.host.constant import ConstantLogits
from segment_actor.engine.load import load_backend
from segment_actor.engine.sliding_window import predict_labels
from segment_actor.execution import Execution, Precision
from segment_actor.grid.resampling import to_model_grid
from segment_actor.models.folder import read_model_folder

ORGANS = "Dataset291_TotalSegmentator_part1_organs_1559subj/nnUNetTrainerNoMirroring"


def _organs(setting: Setting) -> Path:
    results = required_weights(setting) / "nnunet" / "results"
    return results / f"{ORGANS}__nnUNetPlans__3d_fullres"


def _window(engine: str, precision: Precision) -> Callable[[Setting], Sides]:
    def prepare(setting: Setting) -> Sides:
        folder = _organs(setting)
        model = read_model_folder(folder)
        patch = model.patch_size
        hu = np.random.default_rng(0).integers(-1000, 1000, patch).astype(np.int16)
        backend = load_backend(
            folder,
            Execution(engine=engine, device="cpu", precision=precision, threads=setting.threads),
        )
        windows = backend.image(hu, (0, 0, 0), model.normalization).windows([(0, 0, 0)], patch)
        backend.logits(windows)
        return Sides(
            ours=lambda: cost_of_call(lambda: backend.logits(windows)),
            peer=_if_there(setting, "window", str(folder)),
        )

    return prepare


def _sums(setting: Setting) -> Sides:
    folder = _organs(setting)
    model = read_model_folder(folder)
    hu = to_model_grid(trunk_case(setting.work).volume, model.spacing_mm)
    constant = ConstantLogits(len(model.label_names), model.patch_size, setting.threads)
    shape = ",".join(map(str, reversed(hu.shape)))

    def ours() -> None:
        predict_labels(model, constant, hu, step=0.8)

    ours()
    return Sides(lambda: cost_of_call(ours), _if_there(setting, "sums", str(folder), shape))


def _if_there(setting: Setting, *arguments: str) -> Side | None:
    return (lambda: run_official(setting, *arguments)[0]) if setting.peer_python else None


NNUNET = "nnU-Net, float32"
ENGINE = (
    BenchCase(
        "window-float32",
        "one 128^3 window, OpenVINO float32",
        NNUNET,
        _window("openvino", "float32"),
    ),
    BenchCase(
        "window-bfloat16",
        "one 128^3 window, OpenVINO bfloat16",
        NNUNET,
        _window("openvino", "bfloat16"),
    ),
    BenchCase(
        "window-torch-bfloat16",
        "one 128^3 window, torch bfloat16",
        NNUNET,
        _window("torch", "bfloat16"),
    ),
    BenchCase("sums", "Gaussian sums and argmax of one part of 512x512x280", "nnU-Net", _sums),
)
