"""The official programs' side of the benchmark, run by THEIR Python: prints one line of JSON.

    PEER_PYTHON infra/peers/official.py statistics CT LABELS
    PEER_PYTHON infra/peers/official.py surface TRUTH PREDICTED
    PEER_PYTHON infra/peers/official.py window MODEL_FOLDER
    PEER_PYTHON infra/peers/official.py sums MODEL_FOLDER Z,Y,X
    PEER_PYTHON infra/peers/official.py without-network CT OUT [--fast]

The first four time one function in a process that is warm. The last is the official pipeline as it
is (--ml --statistics), its network replaced by constant logits, timed after its imports. This file
imports nothing of ctcohort.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def statistics(ct_file: str, labels_file: str) -> dict[str, object]:
    """TotalSegmentator's --statistics of all structures, its own defaults."""
    import nibabel as nib
    import numpy as np
    from totalsegmentator.statistics import get_basic_statistics

    ct = nib.load(ct_file)
    labels = np.asanyarray(nib.load(labels_file).dataobj).astype(np.uint8)
    ct.get_fdata()  # cached: reading is another case
    wall, cpu = time.perf_counter(), time.process_time()
    found = get_basic_statistics(labels, ct, quiet=True, exclude_masks_at_border=False)
    cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return {**cost, "values": {name: (v["volume"], v["intensity"]) for name, v in found.items()}}


def surface(truth_file: str, predicted_file: str) -> dict[str, object]:
    """Dice and surface Dice at 3 mm of every label, by DeepMind's surface-distance."""
    import nibabel as nib
    import numpy as np
    import scipy.ndimage

    # surface-distance 0.1 uses names that numpy 2 and scipy 1.15 dropped
    np.Inf = np.inf  # noqa: NPY201
    sys.modules["scipy.ndimage.filters"] = scipy.ndimage
    sys.modules["scipy.ndimage.morphology"] = scipy.ndimage
    import surface_distance as sd

    image = nib.load(truth_file)
    truth = np.asanyarray(image.dataobj).astype(np.uint8)
    predicted = np.asanyarray(nib.load(predicted_file).dataobj).astype(np.uint8)
    spacing_mm = [float(s) for s in image.header.get_zooms()[:3]]
    values = {}
    wall, cpu = time.perf_counter(), time.process_time()
    for label in map(int, np.unique(truth)[1:]):
        a, b = truth == label, predicted == label
        distances = sd.compute_surface_distances(a, b, spacing_mm)
        nsd = sd.compute_surface_dice_at_tolerance(distances, 3.0)
        values[label] = (float(sd.compute_dice_coefficient(a, b)), float(nsd))
    cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return {**cost, "values": values}


def window(folder: str) -> dict[str, object]:
    """One forward pass of nnU-Net's network."""
    import torch

    predictor = _predictor(folder)
    network = predictor.network.eval()
    image = torch.randn((1, 1, *predictor.configuration_manager.patch_size))
    with torch.inference_mode():
        network(image)
        return _timed(lambda: network(image))


def sums(folder: str, shape: str) -> dict[str, object]:
    """nnU-Net's sliding window and argmax around a network that costs nothing."""
    import torch

    predictor = _predictor(folder)
    _use_constant_logits()
    image = torch.zeros((1, *map(int, shape.split(","))))
    return _timed(lambda: predictor.predict_sliding_window_return_logits(image).argmax(0))


def without_network(ct_file: str, out_file: str, *, fast: bool) -> dict[str, object]:
    """The whole official pipeline, except for the convolutions."""
    from totalsegmentator.python_api import totalsegmentator

    _use_constant_logits()

    def pipeline() -> None:
        totalsegmentator(
            ct_file, out_file, ml=True, fast=fast, device="cpu", quiet=True, statistics=True
        )

    return _timed(pipeline)


def _predictor(folder: str) -> Any:  # noqa: ANN401 - a class of the peer's environment
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(
        tile_step_size=0.8, use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.initialize_from_trained_model_folder(folder, (0,))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return predictor


def _use_constant_logits() -> None:
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    kept: dict[tuple[int, ...], torch.Tensor] = {}

    def constant(self: nnUNetPredictor, x: torch.Tensor) -> torch.Tensor:
        shape = (1, self.label_manager.num_segmentation_heads, *x.shape[2:])
        if shape not in kept:
            coarse = torch.randn((*shape[:2], 6, 6, 6), generator=torch.Generator().manual_seed(0))
            kept[shape] = torch.nn.functional.interpolate(coarse, size=shape[2:], mode="trilinear")
        return kept[shape].clone()  # the caller multiplies it in place

    nnUNetPredictor._internal_maybe_mirror_and_predict = constant


def _timed(work: Callable[[], object]) -> dict[str, object]:
    """Seconds of a call; CPU seconds with those of the processes it started and waited for."""

    def cpu_s() -> float:
        return sum(os.times()[:4])

    wall, cpu = time.perf_counter(), cpu_s()
    work()
    return {"wall_s": time.perf_counter() - wall, "cpu_s": cpu_s() - cpu}


def main(case: str, *arguments: str) -> None:
    """One case; see the module."""
    *files, last = arguments
    if case == "without-network":
        fast = last == "--fast"
        answer = without_network(*(files if fast else arguments), fast=fast)
    else:
        cases = {"statistics": statistics, "surface": surface, "window": window, "sums": sums}
        answer = cases[case](*arguments)
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
