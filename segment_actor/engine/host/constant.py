"""A network that costs nothing: to measure everything else, and to test it."""

from __future__ import annotations

import numpy as np

from segment_actor.engine.host.sums import ZEROS, HostImage, HostSums
from segment_actor.engine.memory import available_bytes
from segment_actor.models.folder import Normalization
from segment_actor.volume import FloatArray, HuArray, Shape

BLOCK = 8
"""Voxels an axis with equal logits: labels of noise would make all that follows far too slow."""


class ConstantLogits:
    """A `Backend` that answers every window with the same logits, drawn once.

    Args:
        n_labels: labels of the network that it stands for, background included.
        patch: (3,) voxels of a window.
        threads: that add up and compare.
    """

    batch = 1

    def __init__(self, n_labels: int, patch: Shape, threads: int = 1) -> None:
        generator = np.random.default_rng(0)
        blocks = [-(-size // BLOCK) for size in patch]
        logits = generator.standard_normal((1, n_labels, *blocks), dtype=np.float32)
        for axis in (2, 3, 4):
            logits = logits.repeat(BLOCK, axis)
        z, y, x = patch
        self._logits = np.ascontiguousarray(logits[:, :, :z, :y, :x])
        self._threads = threads

    def image(self, hu: HuArray, before: Shape, normalization: Normalization) -> HostImage:
        """Cuts and normalises windows as for a network; their content changes nothing."""
        return HostImage(hu, before, normalization)

    def logits(self, windows: FloatArray) -> FloatArray:
        """(1, labels, *patch) float32, the same for every window."""
        del windows
        return self._logits

    def sums(self, weights: FloatArray, shape: Shape, n_labels: int) -> HostSums:
        """The sums that OpenVINO's engine has: they are what is timed."""
        return HostSums(weights, shape, n_labels, self._threads)

    def available_bytes(self) -> int:
        """Main memory that this process may still take."""
        return available_bytes()

    def release(self) -> None:
        """Gives back the memory of the sums."""
        ZEROS.clear()
