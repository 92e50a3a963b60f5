"""The contract of an engine: what the window loop asks of whoever runs a network.

An engine decides where the CT and the sums lie: in main memory (`engine.host`) or on a GPU
(`engine.torch.device`). How the pieces fit together: README.md of this folder.
"""

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
    """A CT in memory that the network can read, at most once copied for all of its windows."""

    def windows(self, starts: Sequence[Shape], patch: Shape) -> Batch:
        """Cuts windows out.

        Args:
            starts: n first voxels (z, y, x) in the padded image.
            patch: (3,) voxels of a window.

        Returns:
            (n, 1, *patch) float32, normalised; 0 where there is padding.
        """
        ...


class Sums(Protocol):
    """The weighted logits of all windows over each voxel, summed; see `host.sums.HostSums`."""

    def begin(self, strip: Strip) -> None:
        """Makes empty sums of a strip; then `add` gets each of its windows once, in order."""
        ...

    def add(self, window: Window, logits: Batch) -> None:
        """Adds the (labels, *patch) logits of a window; final voxels may get their labels."""
        ...

    def labels(self) -> LabelArray:
        """(z, y, x) uint8 of the padded image; asked for once, after the last window."""
        ...


class Backend(Protocol):
    """One network, ready to run.

    Attributes:
        batch: windows that `logits` takes at a time; the last call of a strip may have fewer.
    """

    batch: int

    def image(self, hu: HuArray, before: Shape, normalization: Normalization) -> Image:
        """Brings a CT to where the network is.

        Args:
            hu: (z, y, x) int16, axes of the network.
            before: (3,) voxels of padding in front of it, which are 0 after normalisation.
            normalization: bounds, mean and standard deviation, HU.
        """
        ...

    def logits(self, windows: Batch) -> Batch:
        """(n, 1, *patch) to (n, labels, *patch); valid until the next call."""
        ...

    def sums(self, weights: FloatArray, shape: Shape, n_labels: int) -> Sums:
        """Sums of one CT, empty.

        Args:
            weights: (*patch) float32 by which logits are multiplied before they are added.
            shape: (z, y, x) of the padded image.
            n_labels: labels of the network, background included.
        """
        ...

    def available_bytes(self) -> int:
        """Memory that a CT may take where its sums lie, what is kept for the next CT included."""
        ...

    def release(self) -> None:
        """Gives back the memory that is kept between CTs; the weights stay loaded."""
        ...
