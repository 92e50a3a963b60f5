"""The facts of an nnU-Net v2 model folder, read without torch and checked once.

The folder is what nnU-Net's training leaves:

    <trainer>__<plans>__<configuration>/
        plans.json                    spacing, patch, normalisation, architecture
        dataset.json                  label names
        fold_0/checkpoint_final.pth   weights

Two writings of `plans.json` are in use: since nnU-Net 2.4 a configuration has an `architecture`;
before that, and in published models, the U-Net is described by `UNet_class_name` and its likes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from segment_actor.errors import SetupError
from segment_actor.volume import Shape, SpacingMm

PLANS = "plans.json"
DATASET = "dataset.json"
CHECKPOINT = "fold_0/checkpoint_final.pth"


@dataclass(frozen=True, slots=True)
class Normalization:
    """nnU-Net's CTNormalization: clip to [lower_hu, upper_hu], minus mean_hu, over std_hu.

    The four numbers are of the foreground voxels of the training data; lower and upper are their
    0.5 and 99.5 percentiles.
    """

    lower_hu: float
    upper_hu: float
    mean_hu: float
    std_hu: float


@dataclass(frozen=True, slots=True)
class Architecture:
    """How to build the network: a class name and its arguments, as they stand in the plans."""

    class_name: str
    arguments: Mapping[str, Any]
    imported: tuple[str, ...]
    """The arguments whose values name a class to import."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One 3-D nnU-Net model.

    Attributes:
        folder: where it lies.
        configuration: for example '3d_fullres'.
        spacing_mm: voxel spacing along I, J, K (RAS), in mm.
        patch_size: (3,) voxels, in the axis order of the network.
        transpose: (3,) from (K, J, I) to the axis order of the network: plans' transpose_forward.
        normalization: of the one CT channel.
        label_names: label value to name, background (0) included, without gaps.
        architecture: of the network.
    """

    folder: Path
    configuration: str
    spacing_mm: SpacingMm
    patch_size: Shape
    transpose: Shape
    normalization: Normalization
    label_names: dict[int, str]
    architecture: Architecture

    @property
    def checkpoint(self) -> Path:
        """The file with the weights."""
        return self.folder / CHECKPOINT


def read_model_folder(folder: Path) -> ModelFolder:
    """Reads plans.json and dataset.json.

    Raises:
        SetupError: a file is missing or unreadable, or the model is 2-D, a cascade, region-based,
            of several channels, or not normalised as CT.
    """
    check_complete(folder)
    try:
        return _model_folder(folder, _json(folder / PLANS), _json(folder / DATASET))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SetupError(
            f"{folder} is not an nnU-Net v2 model folder ({type(error).__name__}: {error}); "
            f"copy {PLANS} and {DATASET} again"
        ) from error


def check_complete(folder: Path) -> None:
    """Makes sure that a model folder has its three files.

    Raises:
        SetupError: it, or one of them, is missing.
    """
    if not folder.is_dir():
        raise SetupError(f"model folder {folder} does not exist; check the model set")
    for name in (PLANS, DATASET, CHECKPOINT):
        if not (folder / name).is_file():
            raise missing_file(folder / name)


def missing_file(path: Path) -> SetupError:
    """For a model folder that lacks one of its three files."""
    return SetupError(f"{path} is missing; copy the whole nnU-Net model folder")


def file_sha256(path: Path) -> str:
    """SHA-256 of one file, hex. A file that has not changed since is not read again."""
    facts = path.stat()
    return _sha256(path, facts.st_ino, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, *_facts: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """SHA-256 over the checkpoint, the plans and the dataset description, hex."""
    digests = [file_sha256(folder / name) for name in (CHECKPOINT, PLANS, DATASET)]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise TypeError(f"{path.name} holds no object")
    return content


def _model_folder(folder: Path, plans: dict[str, Any], dataset: dict[str, Any]) -> ModelFolder:
    name = folder.name.rpartition("__")[2]
    if name not in plans["configurations"]:
        raise SetupError(
            f"{folder}: the plans know no configuration '{name}'; name the folder as nnU-Net does, "
            "<trainer>__<plans>__<configuration>"
        )
    configuration = _resolved(plans["configurations"], name)
    _check_supported(folder, configuration, dataset)
    forward = plans["transpose_forward"]
    # plans give the spacing in the network's axis order
    spacing_zyx = [configuration["spacing"][forward.index(axis)] for axis in range(3)]
    return ModelFolder(
        folder=folder,
        configuration=name,
        spacing_mm=(float(spacing_zyx[2]), float(spacing_zyx[1]), float(spacing_zyx[0])),
        patch_size=_three(configuration["patch_size"]),
        transpose=_three(forward),
        normalization=_normalization(plans),
        label_names=_label_names(folder, dataset["labels"]),
        architecture=_architecture(configuration),
    )


def _resolved(configurations: dict[str, Any], name: str) -> dict[str, Any]:
    """A configuration over the one it inherits from, if any."""
    own = configurations[name]
    parent = own.get("inherits_from")
    others = {key: value for key, value in configurations.items() if key != name}
    return {**_resolved(others, parent), **own} if parent else dict(own)


def _check_supported(folder: Path, configuration: dict[str, Any], dataset: dict[str, Any]) -> None:
    remedy = "choose a 3-D CT model of one stage, such as 3d_fullres"
    channels = dataset.get("channel_names") or dataset["modality"]
    if len(configuration["patch_size"]) != 3:
        raise SetupError(f"{folder}: a 2-D model; {remedy}")
    if configuration.get("previous_stage"):
        raise SetupError(f"{folder}: a stage of a cascade; {remedy}")
    if len(channels) != 1:
        raise SetupError(f"{folder}: {len(channels)} input channels; {remedy}")
    if configuration["normalization_schemes"] != ["CTNormalization"]:
        raise SetupError(
            f"{folder}: normalised by {configuration['normalization_schemes']}; {remedy}"
        )


def _three(values: list[int]) -> Shape:
    a, b, c = (int(value) for value in values)
    return a, b, c


def _normalization(plans: dict[str, Any]) -> Normalization:
    # nnU-Net before 2.0 final wrote "by_modality"
    channels = plans.get("foreground_intensity_properties_per_channel") or plans.get(
        "foreground_intensity_properties_by_modality", {}
    )
    hu = channels["0"]
    return Normalization(
        lower_hu=float(hu["percentile_00_5"]),
        upper_hu=float(hu["percentile_99_5"]),
        mean_hu=float(hu["mean"]),
        std_hu=max(float(hu["std"]), 1e-8),  # nnU-Net's floor
    )


def _label_names(folder: Path, labels: dict[str, Any]) -> dict[int, str]:
    names = {name: value for name, value in labels.items() if name != "ignore"}
    if any(isinstance(value, list) for value in names.values()):
        raise SetupError(f"{folder}: region-based labels; choose a model with one label a voxel")
    by_value = {int(value): name for name, value in names.items()}
    if sorted(by_value) != list(range(len(names))) or not 2 <= len(names) <= 256:
        raise ValueError("labels must be background 0 and 1, 2, 3 ... without gaps, at most 255")
    return dict(sorted(by_value.items()))


def _architecture(configuration: dict[str, Any]) -> Architecture:
    described = configuration.get("architecture")
    if described is None:
        return _architecture_of_old_plans(configuration)
    return Architecture(
        class_name=described["network_class_name"].rpartition(".")[2],
        arguments=described["arch_kwargs"],
        imported=tuple(described["_kw_requires_import"]),
    )


def _architecture_of_old_plans(configuration: dict[str, Any]) -> Architecture:
    """Plans written before nnU-Net 2.4; what they leave out was the same for every network."""
    class_name = configuration["UNet_class_name"]
    convolutions = configuration["n_conv_per_stage_encoder"]
    base, most = configuration["UNet_base_num_features"], configuration["unet_max_num_features"]
    per_stage = "n_blocks_per_stage" if class_name == "ResidualEncoderUNet" else "n_conv_per_stage"
    arguments = {
        "n_stages": len(convolutions),
        "features_per_stage": [min(base * 2**stage, most) for stage in range(len(convolutions))],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": configuration["conv_kernel_sizes"],
        "strides": configuration["pool_op_kernel_sizes"],
        per_stage: convolutions,
        "n_conv_per_stage_decoder": configuration["n_conv_per_stage_decoder"],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    return Architecture(class_name, arguments, imported=("conv_op", "norm_op", "nonlin"))
