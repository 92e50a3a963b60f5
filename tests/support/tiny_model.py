"""Writes small nnU-Net v2 model folders with random weights, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import nn

FEATURES = [4, 8, 8]
PATCH = [16, 16, 16]
STRIDES = [[1, 1, 1], [2, 2, 2], [2, 2, 2]]
KERNELS = [[3, 3, 3]] * 3
NORM = {"eps": 1e-5, "affine": True}

ARCHITECTURE: dict[str, Any] = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": 3,
        "features_per_stage": FEATURES,
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": KERNELS,
        "strides": STRIDES,
        "n_conv_per_stage": [1, 1, 1],
        "n_conv_per_stage_decoder": [1, 1],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": NORM,
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}

OLD_ARCHITECTURE: dict[str, Any] = {
    "UNet_class_name": "PlainConvUNet",
    "UNet_base_num_features": 4,
    "unet_max_num_features": 8,
    "n_conv_per_stage_encoder": [1, 1, 1],
    "n_conv_per_stage_decoder": [1, 1],
    "num_pool_per_axis": [2, 2, 2],
    "pool_op_kernel_sizes": STRIDES,
    "conv_kernel_sizes": KERNELS,
}

RESAMPLING = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}


def write_tiny_model(
    root: Path, labels: tuple[str, ...] = ("liver", "spleen"), *, old_plans: bool = False
) -> Path:
    """Writes Trainer__nnUNetPlans__3d_fullres under root; returns it.

    The transpose is not the identity and the spacing not isotropic, so that a mix-up shows.
    """
    folder = root / "Trainer__nnUNetPlans__3d_fullres"
    (folder / "fold_0").mkdir(parents=True)
    plans = tiny_plans(OLD_ARCHITECTURE if old_plans else {"architecture": ARCHITECTURE})
    dataset = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **{name: i for i, name in enumerate(labels, 1)}},
        "file_ending": ".nii.gz",
        "numTraining": 1,
    }
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    torch.save(_checkpoint(tiny_network(len(labels) + 1)), folder / "fold_0/checkpoint_final.pth")
    return folder


def tiny_plans(architecture: dict[str, Any]) -> dict[str, Any]:
    """As nnU-Net writes them, with the transpose (y, z, x) and spacing z, y, x = 4, 2, 3 mm."""
    configuration = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": PATCH,
        "median_image_size_in_voxels": [20.0, 20.0, 20.0],
        "spacing": [2.0, 4.0, 3.0],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": RESAMPLING,
        "resampling_fn_seg_kwargs": {**RESAMPLING, "is_seg": True, "order": 1},
        "resampling_fn_probabilities_kwargs": {**RESAMPLING, "order": 1},
        "batch_dice": False,
        **architecture,
    }
    hu = {"percentile_00_5": -900.0, "percentile_99_5": 1200.0, "mean": 40.0, "std": 300.0}
    return {
        "dataset_name": "Dataset999_Tiny",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [1, 0, 2],
        "transpose_backward": [1, 0, 2],
        "configurations": {"3d_fullres": configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": hu},
    }


def tiny_network(n_labels: int) -> nn.Module:
    """Random weights of seed 1, scaled so that neighbouring voxels' labels agree now and then."""
    torch.manual_seed(1)
    network: nn.Module = PlainConvUNet(
        1, 3, FEATURES, nn.Conv3d, KERNELS, STRIDES, [1, 1, 1], n_labels, [1, 1], conv_bias=True,
        norm_op=nn.InstanceNorm3d, norm_op_kwargs=NORM, nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True}, deep_supervision=True,
    )  # fmt: skip
    return network


def _checkpoint(network: nn.Module) -> dict[str, Any]:
    """With what a real one carries beside the weights: numpy scalars, a device, momentum."""
    weights = network.state_dict()
    return {
        "network_weights": weights,
        "optimizer_state": {"state": {0: {"momentum_buffer": torch.zeros(4)}}},
        "grad_scaler_state": None,
        "logging": {"train_losses": [np.float64(0.5), np.float32(0.25)]},
        "_best_ema": np.float64(0.9),
        "current_epoch": 1,
        "init_args": {"configuration": "3d_fullres", "fold": 0, "device": torch.device("cpu")},
        "trainer_name": "Trainer",
        "inference_allowed_mirroring_axes": None,
    }
