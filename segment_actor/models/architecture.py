"""The network of a model folder, as data: a class and its arguments, checked, without torch.

Two writings of `plans.json` are in use: since nnU-Net 2.4 a configuration has an `architecture`;
before that, and in published models, the U-Net is described by `UNet_class_name` and its likes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from segment_actor.models.fields import Field, FieldError, shown

FEWEST_STAGES, MOST_STAGES = 2, 12
MOST_FEATURES = 4096
LARGEST_KERNEL = 15
LARGEST_STRIDE = 8
MOST_BLOCKS = 32
"""Bounds far beyond any nnU-Net (9 stages, 512 features, kernels of 3, strides of 2, 6 blocks)."""

_OPTIONS: Final[Mapping[str, Callable[[Field], object]]] = {
    "eps": lambda field: field.number(1e-12, 1.0),
    "momentum": lambda field: field.number(0.0, 1.0),
    "affine": Field.flag,
    "track_running_stats": Field.flag,
    "p": lambda field: field.number(0.0, 1.0),
    "negative_slope": lambda field: field.number(0.0, 1.0),
    "inplace": Field.flag,
    "approximate": lambda field: field.one_of(("none", "tanh")),
}

_NORM: Final = ("eps", "momentum", "affine", "track_running_stats")

LAYERS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "conv_op": {"Conv3d": ()},
    "norm_op": {"InstanceNorm3d": _NORM, "BatchNorm3d": _NORM},
    "dropout_op": {"Dropout3d": ("p", "inplace")},
    "nonlin": {
        "LeakyReLU": ("negative_slope", "inplace"),
        "ReLU": ("inplace",),
        "GELU": ("approximate",),
    },
}
"""The arguments that name a layer's class, the classes, and the options of each."""

PER_STAGE: Final = {
    "PlainConvUNet": "n_conv_per_stage",
    "ResidualEncoderUNet": "n_blocks_per_stage",
}
"""The networks, and the argument that says how many blocks an encoder's stage has."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """How to build the network.

    Attributes:
        class_name: of `PER_STAGE`.
        arguments: of the class; what is said once for all stages is spelt out for each, kernels and
            strides for each axis, and layers stand as names of `LAYERS`.
    """

    class_name: str
    arguments: Mapping[str, Any]


def architecture_of(configuration: Field) -> Architecture:
    """Reads the network of a configuration of the plans.

    Raises:
        FieldError: it is not described, or not as a network that we can build.
    """
    described = configuration.get("architecture")
    if described is None:
        return _of_old_plans(configuration)
    class_name = described["network_class_name"].text().rpartition(".")[2]
    return _architecture(class_name, described["arch_kwargs"])


def _of_old_plans(configuration: Field) -> Architecture:
    """Plans written before nnU-Net 2.4; what they leave out was the same for every network."""
    class_name = configuration["UNet_class_name"].text()
    convolutions = configuration["n_conv_per_stage_encoder"].items(FEWEST_STAGES, MOST_STAGES)
    base = configuration["UNet_base_num_features"].whole(1, MOST_FEATURES)
    most = configuration["unet_max_num_features"].whole(1, MOST_FEATURES)
    arguments = {
        "n_stages": len(convolutions),
        "features_per_stage": [min(base * 2**stage, most) for stage in range(len(convolutions))],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": configuration["conv_kernel_sizes"].value,
        "strides": configuration["pool_op_kernel_sizes"].value,
        PER_STAGE.get(class_name, ""): [n.value for n in convolutions],
        "n_conv_per_stage_decoder": configuration["n_conv_per_stage_decoder"].value,
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    return _architecture(class_name, Field(f"{configuration.name} > architecture", arguments))


def _architecture(class_name: str, given: Field) -> Architecture:
    if class_name not in PER_STAGE:
        raise FieldError(
            f"network class {shown(class_name)} is not supported, use one of {', '.join(PER_STAGE)}"
        )
    stages = given["n_stages"].whole(FEWEST_STAGES, MOST_STAGES)
    features, kernels, strides = (
        given[key] for key in ("features_per_stage", "kernel_sizes", "strides")
    )
    per_stage, decoder = PER_STAGE[class_name], "n_conv_per_stage_decoder"
    arguments: dict[str, Any] = {
        "n_stages": stages,
        "features_per_stage": _each(features, stages, lambda f: f.whole(1, MOST_FEATURES)),
        "kernel_sizes": _each(kernels, stages, lambda f: _each(f, 3, _kernel)),
        "strides": _each(strides, stages, lambda f: _each(f, 3, _stride)),
        per_stage: _each(given[per_stage], stages, _blocks),
        decoder: _each(given[decoder], stages - 1, _blocks),
        **_layers(given),
    }
    optional = _FLAGS if class_name == "PlainConvUNet" else (*_FLAGS[:2], *_RESIDUAL)
    given.only([*arguments, *_LAYER_ARGUMENTS, *optional])
    for key in optional:
        if field := given.get(key):
            arguments[key] = field.flag() if key in _FLAGS else field.whole(1, MOST_FEATURES)
    return Architecture(class_name, arguments)


_FLAGS: Final = ("conv_bias", "deep_supervision", "nonlin_first")

_RESIDUAL: Final = ("bottleneck_channels", "stem_channels")

_LAYER_ARGUMENTS: Final = (*LAYERS, *(f"{role}_kwargs" for role in LAYERS if role != "conv_op"))


def _layers(given: Field) -> dict[str, Any]:
    """The arguments that name a layer, each with its options."""
    arguments: dict[str, Any] = {}
    given["conv_op"].text()  # the one that no network is without
    for role, classes in LAYERS.items():
        if (field := given.get(role)) is None:
            continue
        name = field.text().rpartition(".")[2]
        if name not in classes:
            known = ", ".join(classes)
            raise FieldError(
                f"{field.name}: layer {shown(name)} is not supported, use one of {known}"
            )
        arguments[role] = name
        if options := given.get(f"{role}_kwargs"):
            options.only(classes[name])
            values = {key: _OPTIONS[key](value) for key, value in options.fields().items()}
            arguments[f"{role}_kwargs"] = values
    return arguments


def _each(field: Field, count: int, read: Callable[[Field], Any]) -> list[Any]:
    """What is said of each stage, or each axis; one number is meant for all of them."""
    given = field.items(count, count) if isinstance(field.value, list) else [field] * count
    return [read(one) for one in given]


def _kernel(field: Field) -> int:
    size = field.whole(1, LARGEST_KERNEL)
    if size % 2 == 0:  # nnU-Net pads by half a kernel: an even one would change the size
        raise FieldError(f"{field.name} must be odd, got {size}")
    return size


def _stride(field: Field) -> int:
    return field.whole(1, LARGEST_STRIDE)


def _blocks(field: Field) -> int:
    return field.whole(1, MOST_BLOCKS)
