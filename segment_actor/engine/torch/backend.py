"""nnU-Net's own modules, run by torch: the reference, and the way to a GPU.

On a CPU, bfloat16 runs in channels_last_3d with the instance norms as group norms of one channel a
group: the same numbers, 1.5 times as fast, because torch's instance norm would change the layout
back and forth. On a GPU, half precision is by autocast, as nnU-Net does it. `compile` hands the
network to torch.compile, which on a GPU also records it as a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from segment_actor.engine.memory import available_bytes
from segment_actor.engine.torch.device import DeviceImage, DeviceSums
from segment_actor.engine.torch.network import load_network
from segment_actor.execution import Execution, Precision
from segment_actor.models.folder import Normalization
from segment_actor.volume import FloatArray, HuArray, Shape

GPU_BATCH_VOXELS = 2**22
"""Two windows of 128 voxels a side, or 16 of 64: enough for the largest GPU to be busy."""

Module = Callable[[torch.Tensor], torch.Tensor]

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class TorchBackend:
    """One network on one device.

    Args:
        module: (n, 1, *patch) to (n, labels, *patch); it is changed.
        patch: (3,) voxels of a window.
        execution: engine torch or compile; on a GPU its threads are not used.
    """

    def __init__(self, module: nn.Module, patch: Shape, execution: Execution) -> None:
        self._device = torch.device(execution.device)
        self._dtype = DTYPES[execution.precision]
        self._on_gpu = self._device.type == "cuda"
        self._compiled = execution.engine == "compile"
        if self._on_gpu:
            torch.backends.cudnn.benchmark = True
            # TF32 keeps 10 bits of 23: float32 is asked for by those who want nnU-Net's own labels
            torch.backends.cudnn.allow_tf32 = False
        else:
            torch.set_num_threads(execution.threads)
        self.batch = max(1, GPU_BATCH_VOXELS // int(np.prod(patch))) if self._on_gpu else 1
        self._module = self._prepared(module)

    def image(self, hu: HuArray, before: Shape, normalization: Normalization) -> DeviceImage:
        """Uploads the CT as int16 and normalises it on the device, once for all windows."""
        return DeviceImage(hu, before, normalization, self._device)

    @torch.inference_mode()
    def logits(self, windows: torch.Tensor) -> torch.Tensor:
        """(n, 1, *patch) to (n, labels, *patch), in the precision of the last convolution."""
        if self._compiled and self._on_gpu:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]  # the logits before are added up
        if self._fast:
            windows = windows.contiguous(memory_format=torch.channels_last_3d)
        if not self._on_gpu:
            answer: torch.Tensor = self._module(windows.to(self._dtype))
            return answer
        half = self._dtype != torch.float32
        with torch.autocast("cuda", dtype=self._dtype, enabled=half):
            on_gpu: torch.Tensor = self._module(windows)
        return on_gpu

    def sums(self, weights: FloatArray, shape: Shape, n_labels: int) -> DeviceSums:
        """Sums on the device, so that of each CT only labels come back."""
        return DeviceSums(weights, shape, n_labels, self._device)

    def available_bytes(self) -> int:
        """Free memory of the device, and what torch has reserved of it but does not use."""
        if not self._on_gpu:
            return available_bytes()
        free, _ = torch.cuda.mem_get_info(self._device)
        kept = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return free + kept

    def release(self) -> None:
        """Gives back what torch has reserved of the GPU's memory but does not use."""
        if self._on_gpu:
            torch.cuda.empty_cache()

    @property
    def _fast(self) -> bool:
        """Whether the plain float32 module, the reference, has been changed."""
        return self._compiled or self._dtype != torch.float32

    def _prepared(self, module: nn.Module) -> Module:
        if self._fast:
            if not self._on_gpu:
                _as_group_norms(module)
                module = module.to(self._dtype)
            module = module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        module = module.to(self._device)
        if not self._compiled:
            return module
        return torch.compile(module, mode="max-autotune" if self._on_gpu else None)


def torch_backend(folder: Path, execution: Execution) -> TorchBackend:
    """Loads a model folder for torch.

    Raises:
        SetupError: see `load_network`.
    """
    network = load_network(folder)
    return TorchBackend(network.module, network.patch_size, execution)


def _as_group_norms(module: nn.Module) -> None:
    """Replaces every instance norm below `module` by the group norm of the same arithmetic."""
    for name, child in module.named_children():
        if not isinstance(child, nn.InstanceNorm3d):
            _as_group_norms(child)
            continue
        norm = nn.GroupNorm(
            child.num_features, child.num_features, eps=child.eps, affine=child.affine
        )
        norm.load_state_dict(child.state_dict(), strict=True)
        setattr(module, name, norm.eval().requires_grad_(requires_grad=False))
