"""The GPUs of this machine, as torch sees them."""

from __future__ import annotations

import torch


def count_gpus() -> int:
    """GPUs that torch can use: those of `CUDA_VISIBLE_DEVICES` where that is set."""
    return torch.cuda.device_count()
