"""From an nnU-Net v2 model folder to a network ready to predict, without importing nnunetv2.

A checkpoint is read with `weights_only=True`, and a plans file can name only the classes in the
tables below: neither file can make this process run code of its own.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from torch import nn

from segment_actor.errors import SetupError
from segment_actor.models.folder import (
    Architecture,
    ModelFolder,
    Normalization,
    folder_digest,
    read_model_folder,
)
from segment_actor.volume import Shape, SpacingMm

NETWORKS: dict[str, Any] = {
    "PlainConvUNet": PlainConvUNet,
    "ResidualEncoderUNet": ResidualEncoderUNet,
}

LAYERS: dict[str, type[nn.Module]] = {
    layer.__name__: layer
    for layer in (
        nn.Conv3d,
        nn.InstanceNorm3d,
        nn.BatchNorm3d,
        nn.Dropout3d,
        nn.LeakyReLU,
        nn.ReLU,
        nn.GELU,
    )
}

# nnU-Net's checkpoints carry the training log, whose numbers are numpy scalars. These names make
# numbers and nothing else.
NUMPY_SCALAR: Any = np.float64(0).__reduce__()[0]
NUMBERS: list[Any] = [
    NUMPY_SCALAR,
    (NUMPY_SCALAR, "numpy.core.multiarray.scalar"),  # its name in numpy 1
    np.dtype,
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
    np.dtypes.Int64DType,
]


@dataclass(frozen=True, slots=True)
class Network:
    """A network and what its input must look like.

    Attributes:
        module: (1, 1, *patch_size) float32 normalised to (1, labels, *patch_size) float32 logits.
        spacing_mm: voxel spacing along I, J, K (RAS), in mm.
        patch_size: (3,) voxels, in the axis order of the network.
        transpose: (3,) from (K, J, I) to the axis order of the network.
        normalization: bounds, mean and standard deviation by which HU become the input.
        label_names: label value to name, background (0) included.
        digest: SHA-256 of checkpoint, plans and dataset description.
    """

    module: nn.Module
    spacing_mm: SpacingMm
    patch_size: Shape
    transpose: Shape
    normalization: Normalization
    label_names: dict[int, str]
    digest: str


def load_network(folder: Path) -> Network:
    """Loads fold 0 of a model folder onto the CPU, for inference.

    Raises:
        SetupError: a file is missing, unreadable, unsafe, or of another network than the plans
            describe; or the model is of a kind we do not run (see `read_model_folder`).
    """
    model = read_model_folder(folder)
    checkpoint = _load_checkpoint(model.checkpoint)
    trained = checkpoint.get("init_args", {}).get("configuration", model.configuration)
    if trained != model.configuration:
        raise SetupError(
            f"{folder}: the checkpoint is of configuration '{trained}'; name the folder after it"
        )
    module = _build(model)
    try:
        # strict: a missing or left-over weight means other plans than those trained with.
        # assign: the file's tensors become the weights, without a second copy.
        module.load_state_dict(_weights(checkpoint), strict=True, assign=True)
    except (KeyError, RuntimeError) as error:
        raise SetupError(
            f"{model.checkpoint} does not fit the network of its plans; "
            f"copy the whole model folder again ({' '.join(str(error).split())[:200]})"
        ) from error
    # float(): a checkpoint may hold its weights in float16, at half the size.
    module.float().eval().requires_grad_(requires_grad=False)
    return Network(
        module=module,
        spacing_mm=model.spacing_mm,
        patch_size=model.patch_size,
        transpose=model.transpose,
        normalization=model.normalization,
        label_names=model.label_names,
        digest=folder_digest(folder),
    )


def _load_checkpoint(path: Path) -> dict[str, Any]:
    try:
        with torch.serialization.safe_globals(NUMBERS):
            # mmap: the optimiser's state, half the file, is never read from the disk
            checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise SetupError(
            f"{path} holds more than numbers and is not loaded, because it could run code; "
            "save the checkpoint again with nnU-Net v2, from a source you trust"
        ) from error
    except (RuntimeError, EOFError, ValueError, OSError) as error:
        raise SetupError(f"{path} is damaged; copy or download it again ({error})") from error
    if not isinstance(checkpoint, dict) or "network_weights" not in checkpoint:
        raise SetupError(f"{path} is no nnU-Net v2 checkpoint: it holds no 'network_weights'")
    return checkpoint


def _weights(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The state dict, without the prefix that training on several GPUs puts before each name.

    Cloned, because a memory-mapped weight would be paged in and out under memory pressure.
    """
    weights: dict[str, torch.Tensor] = checkpoint["network_weights"]
    return {name.removeprefix("module."): tensor.clone() for name, tensor in weights.items()}


def _build(model: ModelFolder) -> nn.Module:
    """The network of the plans, its weights not yet set; no deep supervision."""
    architecture = model.architecture
    network = NETWORKS.get(architecture.class_name)
    if network is None:
        raise SetupError(
            f"{model.folder}: network class {architecture.class_name} is not supported; "
            f"use one of {', '.join(NETWORKS)}"
        )
    arguments = _with_layers(model.folder, architecture) | {"deep_supervision": False}
    with torch.device("meta"):  # no memory and no random numbers for weights that get replaced
        built: nn.Module = network(
            input_channels=1, num_classes=len(model.label_names), **arguments
        )
    return built


def _with_layers(folder: Path, architecture: Architecture) -> dict[str, Any]:
    """The arguments with each layer's name replaced by its class."""
    arguments = dict(architecture.arguments)
    for key in architecture.imported:
        if arguments.get(key) is None:
            continue
        name = str(arguments[key]).rpartition(".")[2]
        if name not in LAYERS:
            raise SetupError(
                f"{folder}: layer {name} is not supported; use one of {', '.join(LAYERS)}"
            )
        arguments[key] = LAYERS[name]
    return arguments
