"""nnU-Net's own predictor, on an array that lies on the model's grid.

The peer of `ctcohort parity`. It does its own cropping, normalisation, windows, sums and argmax,
its network is built by nnU-Net from the plans; the weights are those that our loader read safely.
The search for the trainer class is left out, which changes no number: it imports every trainer.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch

from segment_actor.anatomy import Schema
from segment_actor.engine.torch.network import load_network
from segment_actor.errors import SetupError
from segment_actor.models.folder import DATASET, PLANS, read_model_folder
from segment_actor.models.set import label_table
from segment_actor.volume import HuArray, LabelArray

TRUSTED = ("dynamic_network_architectures.", "torch.nn.")
"""nnU-Net imports what the plans name; these are the places where networks and layers lie."""


@dataclass(frozen=True, slots=True)
class NnUnet:
    """nnU-Net's predictor and how it runs.

    Attributes:
        step: distance of windows as a fraction of the patch.
        threads: of torch in this process.
        device: "cpu", or torch's name of a GPU.
        float32_sums: let it add up its windows in float32. Its own sums are float16.
    """

    step: float
    threads: int = 1
    device: str = "cpu"
    float32_sums: bool = False

    @property
    def name(self) -> str:
        """With its version and its sums."""
        sums = "float32" if self.float32_sums else "float16"
        return f"nnU-Net {metadata.version('nnunetv2')} with {sums} sums"

    def ids(self, folder: Path, hu: HuArray, schema: Schema) -> LabelArray:
        """As `labels`, in ids of the schema."""
        to_id = label_table(read_model_folder(folder).label_names, schema)
        ids: LabelArray = to_id[self.labels(folder, hu)]
        return ids

    def labels(self, folder: Path, hu: HuArray) -> LabelArray:
        """Labels by one model.

        Args:
            folder: nnU-Net model folder.
            hu: (I, J, K) int16, RAS, at the spacing of the model.

        Returns:
            (I, J, K) uint8, label values of the model.

        Raises:
            SetupError: the folder's plans or weights cannot be used.
        """
        torch.set_num_threads(self.threads)
        spacing_zyx = list(read_model_folder(folder).spacing_mm[::-1])
        image = hu.T[None].astype(np.float32)  # nnU-Net reads (channel, z, y, x)
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as its prints: hints about its environment, old plans
            predictor = _predictor(folder, self.step, self.device)
            with _float32_sums() if self.float32_sums else contextlib.nullcontext():
                labels = predictor.predict_single_npy_array(image, {"spacing": spacing_zyx})
        return np.ascontiguousarray(np.asarray(labels, dtype=np.uint8).T)


def _predictor(folder: Path, step: float, device: str) -> Any:  # noqa: ANN401  # nnU-Net is untyped
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    weights = load_network(folder).module.state_dict()
    plans = PlansManager(json.loads((folder / PLANS).read_text(encoding="utf-8")))
    dataset = json.loads((folder / DATASET).read_text(encoding="utf-8"))
    configuration = plans.get_configuration(read_model_folder(folder).configuration)
    class_name = configuration.network_arch_class_name
    arguments = configuration.network_arch_init_kwargs
    imported = configuration.network_arch_init_kwargs_req_import
    for name in (class_name, *(arguments[key] for key in imported)):
        if name is not None and not name.startswith(TRUSTED):
            raise SetupError(f"{folder / PLANS} names {name}, which is not imported; see TRUSTED")
    network = get_network_from_plans(
        class_name,
        arguments,
        imported,
        input_channels=1,
        output_channels=plans.get_label_manager(dataset).num_segmentation_heads,
        deep_supervision=False,
    )
    predictor = nnUNetPredictor(
        tile_step_size=step, use_mirroring=False, device=torch.device(device), allow_tqdm=False
    )
    predictor.manual_initialization(network, plans, configuration, [weights], dataset, "", None)
    return predictor


@contextlib.contextmanager
def _float32_sums() -> Iterator[None]:
    """nnU-Net with its sums and Gaussian in float32; nothing else of it is changed."""
    module = importlib.import_module("nnunetv2.inference.predict_from_raw_data")
    without_half = SimpleNamespace(**{**vars(torch), "half": torch.float32})
    gaussian = partial(module.compute_gaussian, dtype=torch.float32)
    with mock.patch.multiple(module, torch=without_half, compute_gaussian=gaussian):
        yield
