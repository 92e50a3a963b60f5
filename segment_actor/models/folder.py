"""The facts of an nnU-Net v2 model folder, read without torch and checked once.

The folder is what nnU-Net's training leaves:

    <trainer>__<plans>__<configuration>/
        plans.json                    spacing, patch, normalisation, architecture
        dataset.json                  label names
        fold_0/checkpoint_final.pth   weights
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from segment_actor.errors import SetupError
from segment_actor.models.architecture import Architecture, architecture_of
from segment_actor.models.fields import Field, FieldError, read_json
from segment_actor.volume import N_LABEL_VALUES, Shape, SpacingMm

PLANS = "plans.json"
DATASET = "dataset.json"
CHECKPOINT = "fold_0/checkpoint_final.pth"

FINEST_MM, COARSEST_MM = 0.05, 25.0
"""Of a model's grid, along an axis. No CT is finer; official models have 1.5 to 6 mm."""

MOST_PATCH_VOXELS: Final = 2**25
"""320^3. The largest patch of published models, 40 x 448 x 576, is a third of it."""

LARGEST_HU: Final = 1e5
"""Beyond what int16 can hold, which a CT is stored in, whatever its slope."""

LEAST_STD_HU: Final = 1e-3
"""A foreground without any deviation is none that a network was trained on."""


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
        return _model_folder(folder, read_json(folder / PLANS), read_json(folder / DATASET))
    except FieldError as error:
        raise SetupError(
            f"{folder} is not an nnU-Net v2 model folder that we can run ({error}); "
            f"copy {PLANS} and {DATASET} again, or choose another model"
        ) from error
    except OSError as error:
        raise SetupError(f"{folder} cannot be read ({error.strerror}); check it") from error


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


def _model_folder(folder: Path, plans: Field, dataset: Field) -> ModelFolder:
    name = folder.name.rpartition("__")[2]
    configurations = plans["configurations"].fields()
    if name not in configurations:
        raise SetupError(
            f"{folder}: the plans know no configuration '{name}'; name the folder as nnU-Net does, "
            "<trainer>__<plans>__<configuration>"
        )
    configuration = _resolved(configurations, name)
    _check_supported(folder, configuration, dataset)
    transpose = _transpose(plans["transpose_forward"])
    architecture = architecture_of(configuration)
    spacing = [mm.number(FINEST_MM, COARSEST_MM) for mm in configuration["spacing"].items(3, 3)]
    # plans give the spacing in the network's axis order
    z, y, x = (spacing[transpose.index(axis)] for axis in range(3))
    return ModelFolder(
        folder=folder,
        configuration=name,
        spacing_mm=(x, y, z),
        patch_size=_patch_size(configuration["patch_size"], architecture),
        transpose=transpose,
        normalization=_normalization(plans),
        label_names=_label_names(folder, dataset["labels"]),
        architecture=architecture,
    )


def _resolved(configurations: dict[str, Field], name: str) -> Field:
    """A configuration over those that it inherits from, if any."""
    chain = [name]
    while parent := configurations[chain[-1]].get("inherits_from"):
        if parent.text() not in configurations or parent.text() in chain:
            raise FieldError(f"{parent.name} names no other configuration: {parent.text()}")
        chain.append(parent.text())
    content: dict[str, object] = {}
    for one in reversed(chain):
        content |= {key: field.value for key, field in configurations[one].fields().items()}
    return Field(configurations[name].name, content)


def _check_supported(folder: Path, configuration: Field, dataset: Field) -> None:
    remedy = "choose a 3-D CT model of one stage, such as 3d_fullres"
    channels = (dataset.get("channel_names") or dataset["modality"]).fields()
    if len(configuration["patch_size"].items(1, 3)) < 3:
        raise SetupError(f"{folder}: a 2-D model; {remedy}")
    if configuration.get("previous_stage"):
        raise SetupError(f"{folder}: a stage of a cascade; {remedy}")
    if len(channels) != 1:
        raise SetupError(f"{folder}: {len(channels)} input channels; {remedy}")
    schemes = [scheme.text() for scheme in configuration["normalization_schemes"].items()]
    if schemes != ["CTNormalization"]:
        raise SetupError(f"{folder}: normalised by {', '.join(schemes)[:60]}; {remedy}")


def _transpose(field: Field) -> Shape:
    a, b, c = (axis.whole(0, 2) for axis in field.items(3, 3))
    if {a, b, c} != {0, 1, 2}:
        raise FieldError(f"{field.name} must name each axis once, got {[a, b, c]}")
    return a, b, c


def _patch_size(field: Field, architecture: Architecture) -> Shape:
    a, b, c = (voxels.whole(1, MOST_PATCH_VOXELS) for voxels in field.items(3, 3))
    coarsest = np.divide((a, b, c), np.prod(architecture.arguments["strides"], axis=0))
    if a * b * c > MOST_PATCH_VOXELS:
        raise FieldError(f"{field.name} of {[a, b, c]} is more than {MOST_PATCH_VOXELS:,} voxels")
    # a stage that does not divide evenly has no partner of its size on the way up
    if np.any(coarsest % 1) or coarsest.prod() < 2:  # one voxel has no deviation to normalise by
        raise FieldError(
            f"{field.name} of {[a, b, c]} must be a multiple of the network's strides together, "
            "and leave 2 voxels on the coarsest stage"
        )
    return a, b, c


def _normalization(plans: Field) -> Normalization:
    # nnU-Net before 2.0 final wrote "by_modality"
    channels = (
        plans.get("foreground_intensity_properties_per_channel")
        or plans["foreground_intensity_properties_by_modality"]
    )
    lower, upper, mean, std = (
        channels["0"][key] for key in ("percentile_00_5", "percentile_99_5", "mean", "std")
    )
    found = Normalization(
        lower_hu=lower.number(-LARGEST_HU, LARGEST_HU),
        upper_hu=upper.number(-LARGEST_HU, LARGEST_HU),
        mean_hu=mean.number(-LARGEST_HU, LARGEST_HU),
        std_hu=std.number(LEAST_STD_HU, LARGEST_HU),
    )
    if found.lower_hu >= found.upper_hu:
        raise FieldError(f"{lower.name} must be below percentile_99_5")
    return found


def _label_names(folder: Path, labels: Field) -> dict[int, str]:
    names = {name: value for name, value in labels.fields().items() if name != "ignore"}
    if any(isinstance(value.value, list) for value in names.values()):
        raise SetupError(f"{folder}: region-based labels; choose a model with one label a voxel")
    by_value = {_label(value): Field(labels.name, name).text() for name, value in names.items()}
    if sorted(by_value) != list(range(len(names))) or len(names) < 2:
        raise FieldError(
            f"{labels.name} must be background 0 and 1, 2, 3 ... without gaps, at most 255"
        )
    return dict(sorted(by_value.items()))


def _label(field: Field) -> int:
    """nnU-Net takes the text "1" for 1, too."""
    text = field.value
    if isinstance(text, str) and text.isascii() and text.isdigit():
        field = Field(field.name, int(text[:4]))
    return field.whole(0, N_LABEL_VALUES - 1)
