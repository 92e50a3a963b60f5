"""nnU-Net's trainer without mirroring, on a budget of minutes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from batchgeneratorsv2.helpers.scalar_type import RandomScalar
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import (
    DownsampleSegForDSTransform,
)
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTansform
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerNoMirroring import (
    nnUNetTrainerNoMirroring,
)
from torch import nn
from torch.nn import functional

from segment_actor.engine.choice import usable_precision
from segment_actor.training.loss import DiceCrossEntropy


class nnUNetTrainerPhantom(nnUNetTrainerNoMirroring):  # type: ignore[misc]  # noqa: N801
    """Short runs on phantoms: their variety comes from the generator, not from augmentation.

    AdamW instead of SGD, which needs an order of magnitude more steps; bfloat16 autocast where the
    CPU has it (twice as fast here); no spatial augmentation, which costs more than the network on
    two cores. `learning_rate`, `num_epochs` and the rest are set by `recipe`.
    """

    def __init__(self, plans: dict[str, Any], dataset_json: dict[str, Any]) -> None:
        # The base class stores its own signature's arguments for the checkpoint.
        super().__init__(
            plans={**plans, "continue_training": False},
            configuration="3d_fullres",
            fold=0,
            dataset_json=dataset_json,
            device=torch.device("cpu"),
        )
        self.num_iterations_per_epoch = 50
        self.num_val_iterations_per_epoch = 2
        self.oversample_foreground_percent = 0.5
        self.initial_lr = 3e-3
        self.disable_checkpointing = True
        self.criterion = DiceCrossEntropy()
        self.label_map: torch.Tensor | None = None
        self.autocast = torch.autocast(
            "cpu", torch.bfloat16, enabled=usable_precision("bfloat16") == "bfloat16"
        )

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, PolyLRScheduler]:
        """AdamW with nnU-Net's polynomial decay."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.initial_lr, weight_decay=1e-2
        )
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, ...]:
        """No rotation: patches are cut at their final size."""
        super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        return (0.0, 0.0), False, self.configuration_manager.patch_size, None

    @staticmethod
    def get_training_transforms(
        patch_size: Any,
        rotation_for_DA: RandomScalar,
        deep_supervision_scales: Any,
        mirror_axes: Any,
        do_dummy_2d_data_aug: bool,
        **_: Any,
    ) -> BasicTransform:
        """Noise and brightness only: phantoms differ in shape already (see the class)."""
        noise = GaussianNoiseTransform(noise_variance=(0, 0.02), p_per_channel=1)
        brightness = MultiplicativeBrightnessTransform(
            multiplier_range=(0.85, 1.15), synchronize_channels=False, p_per_channel=1
        )
        return ComposeTransforms(
            [
                RandomTransform(noise, apply_probability=0.2),
                RandomTransform(brightness, apply_probability=0.3),
                RemoveLabelTansform(-1, 0),
                DownsampleSegForDSTransform(ds_scales=deep_supervision_scales),
            ]
        )

    def _mapped(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Targets of all structures to those of this model's group."""
        if self.label_map is None:
            return batch
        target = [self.label_map[t.long()].to(t.dtype) for t in batch["target"]]
        return {**batch, "target": target}

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """One step: nnU-Net's deep supervision, the finest level on a sample of its voxels.

        Class scores of 105 classes at every voxel cost more than the rest of the network (60 % of a
        step); an eighth of the voxels, drawn anew each step, has the same mean gradient.
        """
        batch = self._mapped(batch)
        self.optimizer.zero_grad(set_to_none=True)
        layers = self.network.decoder.seg_layers
        head = layers[-1]
        layers[-1] = nn.Identity()
        with self.autocast:
            features, *coarse = self.network(batch["data"])
            sample = torch.randint(features[0, 0].numel(), (features[0, 0].numel() // 8,))
            scores = functional.conv1d(
                features.flatten(2)[:, :, sample], head.weight.flatten(2), head.bias
            )
        layers[-1] = head
        finest = batch["target"][0].flatten(2)[:, :, sample]
        levels = zip([scores, *coarse[:-1]], [finest, *batch["target"][1:-1]], strict=True)
        # Weights halve with each level; the coarsest level has none, as in nnU-Net.
        loss = sum(self.criterion(s, t) * 0.5**n for n, (s, t) in enumerate(levels))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 12)
        self.optimizer.step()
        return {"loss": np.asarray(loss.detach())}

    def validation_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """nnU-Net's own validation, with the targets of this group's structures alone."""
        with self.autocast:
            result: dict[str, Any] = super().validation_step(self._mapped(batch))
        return result

    def plot_network_architecture(self) -> None:
        """Nothing: the plot needs hiddenlayer, which is not installed."""
