"""Dice and cross-entropy, with one softmax for both."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class DiceCrossEntropy(nn.Module):
    """nnU-Net's loss (1 - soft Dice + cross-entropy) without its one-hot copies.

    With 105 classes those copies cost more than the network: the target picks its probabilities
    out of one log-softmax instead. Dice is averaged over the structures present in the window; an
    absent one is left to the cross-entropy.
    """

    smooth = 1e-5
    """Added above and below the line of Dice, so that nothing is divided by 0; nnU-Net's value."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Loss of a batch.

        Args:
            logits: (B, C, ...), class scores of C classes, background first.
            target: (B, 1, ...), the true class of each voxel.

        Returns:
            () float32.
        """
        classes = logits.shape[1]
        log_p = functional.log_softmax(logits.float().flatten(2), dim=1)
        index = target.flatten(2).long()
        picked = log_p.gather(1, index)[:, 0]
        predicted = log_p.exp().sum(2)
        shape = (logits.shape[0], classes)
        ones = torch.ones_like(picked)
        hit = torch.zeros(shape).scatter_add(1, index[:, 0], picked.exp())
        count = torch.zeros(shape).scatter_add(1, index[:, 0], ones)
        dice = (2 * hit + self.smooth) / (predicted + count + self.smooth)
        present = (count > 0)[:, 1:]
        dice_loss = 1 - (dice[:, 1:] * present).sum() / present.sum().clamp(min=1)
        return dice_loss - picked.mean()
