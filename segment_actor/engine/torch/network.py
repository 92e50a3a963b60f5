"""From an nnU-Net v2 model folder to a network ready to predict, without importing nnunetv2.

A checkpoint is read with `weights_only=True`, and a plans file can name only the classes in
`models.architecture`: neither file can make this process run code of its own.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from torch import nn

from segment_actor.errors import SetupError
from segment_actor.models.architecture import LAYERS as ROLES
from segment_actor.models.fields import shown
from segment_actor.models.folder import (
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
    name: getattr(nn, name) for classes in ROLES.values() for name in classes
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

DAMAGE = (
    *(RuntimeError, EOFError, ValueError, OSError, struct.error),
    *(LookupError, TypeError, AttributeError, AssertionError),
)
"""What torch raises where a file is damaged, by where the damage is (found by `tests.fuzz`)."""


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
    _check_trained(model, checkpoint)
    module = _build(model)
    try:
        weights = _weights(checkpoint["network_weights"], module.state_dict())
    except ValueError as error:
        raise SetupError(
            f"{model.checkpoint} does not fit the network of its plans ({error}); "
            "copy the whole model folder again"
        ) from error
    # assign: the file's tensors become the weights, without a second copy.
    module.load_state_dict(weights, strict=True, assign=True)
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
    except DAMAGE as error:
        why = ascii(str(error)[:200])  # torch quotes the file's own bytes
        raise SetupError(f"{path} is damaged; copy or download it again ({why})") from error
    if not isinstance(checkpoint, dict) or "network_weights" not in checkpoint:
        raise SetupError(f"{path} is no nnU-Net v2 checkpoint: it holds no 'network_weights'")
    return checkpoint


def _check_trained(model: ModelFolder, checkpoint: dict[str, Any]) -> None:
    """Makes sure that a checkpoint that says its configuration is of that of the folder."""
    arguments = checkpoint.get("init_args", {})
    if not isinstance(arguments, dict):
        raise SetupError(
            f"{model.checkpoint} is no nnU-Net v2 checkpoint: its 'init_args' are no dictionary"
        )
    trained = arguments.get("configuration", model.configuration)
    if not isinstance(trained, str) or trained != model.configuration:
        raise SetupError(
            f"{model.folder}: the checkpoint is of configuration {shown(trained)}; "
            "name the folder after it"
        )


def _weights(found: object, wanted: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint, each of them known to fit.

    Training on several GPUs puts a prefix before each name. Cloned, because a memory-mapped weight
    would be paged in and out under memory pressure.

    Raises:
        ValueError: one is missing, left over, of another shape or kind, or not finite.
    """
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise ValueError("'network_weights' is no table of weights by name")
    weights = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    if strange := sorted(wanted.keys() ^ weights.keys()):
        where = "missing" if strange[0] in wanted else "left over"
        raise ValueError(f"{shown(strange[0])} is {where}, as are {len(strange) - 1} others")
    for name, tensor in weights.items():
        if not _is_like(tensor, wanted[name]):
            raise ValueError(f"{shown(name)} is not of shape {tuple(wanted[name].shape)}")
        if not _is_finite(tensor):  # one NaN makes every voxel background
            raise ValueError(f"{shown(name)} holds NaN or infinity, as of damage or bad training")
    return {name: tensor.clone() for name, tensor in weights.items()}


def _is_like(found: object, wanted: torch.Tensor) -> bool:
    return (
        isinstance(found, torch.Tensor)
        and found.layout == torch.strided
        and found.device.type == "cpu"
        and found.shape == wanted.shape
        and found.is_floating_point() == wanted.is_floating_point()
        and not found.is_complex()
        and not found.is_quantized
    )


def _is_finite(weight: torch.Tensor) -> bool:
    """Also as the float32 that it becomes."""
    # the least and the most in one pass; a NaN is both
    return all(torch.isfinite(end) for end in torch.aminmax(weight.float()))


def _build(model: ModelFolder) -> nn.Module:
    """The network of the plans, its weights not yet set; no deep supervision."""
    described = model.architecture
    layers = {key: LAYERS[name] for key, name in described.arguments.items() if key in ROLES}
    arguments = {**described.arguments, **layers, "deep_supervision": False}
    with torch.device("meta"):  # no memory and no random numbers for weights that get replaced
        built: nn.Module = NETWORKS[described.class_name](
            input_channels=1, num_classes=len(model.label_names), **arguments
        )
    return built
