"""What the window loop asks of whoever runs a network, in main memory or on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from segment_actor.engine.windows import Strip, Window
from segment_actor.models.folder import Normalization
from segment_actor.volume import FloatArray, HuArray, LabelArray, Shape

Batch = Any
"""(n, 1, *patch) or (n, labels, *patch): a numpy array, or a tensor on the device. What goes in is
float32; what comes out may be bfloat16, in numpy as `bfloat16` has it."""


class Image(Protocol):
    """A CT where the network can reach it."""

    def windows(self, starts: Sequence[Shape], patch: Shape) -> Batch:
        """(n, 1, *patch), normalised; 0 where there is padding."""
        ...


class Sums(Protocol):
    """The weighted logits of all windows over each voxel; see `host.HostSums`."""

    def begin(self, strip: Strip) -> None:
        """From here on the windows of this strip follow, in order."""
        ...

    def add(self, window: Window, logits: Batch) -> None:
        """Adds (labels, *patch); the voxels that are final get their labels."""
        ...

    def labels(self) -> LabelArray:
        """(z, y, x) uint8, of the padded image, when all strips have had their windows."""
        ...


class Backend(Protocol):
    """One network, ready to run.

    Attributes:
        batch: windows it wants at a time.
    """

    batch: int

    def image(self, hu: HuArray, before: Shape, normalization: Normalization) -> Image:
        """Brings a CT (z, y, x) to where the network is; `before` voxels of padding precede it."""
        ...

    def logits(self, windows: Batch) -> Batch:
        """(n, 1, *patch) to (n, labels, *patch)."""
        ...

    def sums(self, weights: FloatArray, shape: Shape, n_labels: int) -> Sums:
        """Empty sums for a padded image of this shape; weights: (*patch) of a window's voxels."""
        ...

    def available_bytes(self) -> int:
        """Memory that is free where the network runs."""
        ...

    def release(self) -> None:
        """Gives back what is kept between CTs, apart from the weights."""
        ...
