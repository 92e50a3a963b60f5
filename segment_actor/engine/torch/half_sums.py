"""The sums as nnU-Net keeps them: in float16, divided by the sum of the weights.

For `--compat`, where every voxel should have nnU-Net's label. A float16 has 11 bits, so near-ties
between structures fall out otherwise than in float32: 0.1 % of the voxels with random weights,
0.001 % with trained ones (docs/parity.md). nnunetv2 2.8.1: `inference/predict_from_raw_data.py`,
`inference/sliding_window_prediction.py`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy import ndimage

from segment_actor.engine.backend import Backend, Batch, Image, Sums
from segment_actor.engine.windows import Strip, Window
from segment_actor.models.folder import Normalization
from segment_actor.volume import FloatArray, HuArray, LabelArray, Shape


class HalfSumsBackend:
    """A backend in everything but its sums.

    Args:
        backend: runs the network.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.batch = backend.batch

    def image(self, hu: HuArray, before: Shape, normalization: Normalization) -> Image:
        """As the backend."""
        return self.backend.image(hu, before, normalization)

    def logits(self, windows: Batch) -> Batch:
        """As the backend."""
        return self.backend.logits(windows)

    def sums(self, weights: FloatArray, shape: Shape, n_labels: int) -> Sums:
        """Empty sums, of nnU-Net's kind."""
        depth, height, width = weights.shape
        return HalfSums((depth, height, width), shape, n_labels)

    def available_bytes(self) -> int:
        """As the backend."""
        return self.backend.available_bytes()

    def release(self) -> None:
        """As the backend."""
        self.backend.release()


class HalfSums:
    """The sums over windows of one strip, and the labels that come of them.

    One patch's thickness along z is held: before the windows move on along z, the planes that they
    leave behind get their labels.

    Args:
        patch: (3,) voxels of a window.
        shape: (z, y, x) of the padded image.
        n_labels: of the network.
    """

    def __init__(self, patch: Shape, shape: Shape, n_labels: int) -> None:
        self._patch = patch
        self._n_labels = n_labels
        self._labels = np.zeros(shape, dtype=np.uint8)
        self._strip = Strip(0, 0)
        self._first = 0  # plane of the image that lies first in the sums
        self._sums: torch.Tensor | None = None
        self._weights = torch.empty(0)

    def begin(self, strip: Strip) -> None:
        """From here on the windows of this strip follow."""
        self._finish(self._labels.shape[0])
        self._strip, self._first, self._sums = strip, 0, None

    def add(self, window: Window, logits: Batch) -> None:
        """Adds (n_labels, *patch) logits."""
        of_window = torch.as_tensor(logits)
        if of_window.dtype == torch.uint16:
            of_window = of_window.view(torch.bfloat16).float()
        if self._sums is None:
            shape = (self._patch[0], self._strip.stop - self._strip.start, self._labels.shape[2])
            half, device = torch.float16, of_window.device
            self._sums = torch.zeros((self._n_labels, *shape), dtype=half, device=device)
            self._weights = torch.zeros(shape, dtype=half, device=device)
        z, y, x = window.start
        self._finish(z)
        top, bottom = max(y, self._strip.start), min(y + self._patch[1], self._strip.stop)
        rows = slice(top - self._strip.start, bottom - self._strip.start)
        there = (slice(None), rows, slice(x, x + self._patch[2]))
        gaussian = half_gaussian(self._patch).to(of_window.device)[:, top - y : bottom - y]
        self._sums[(slice(None), *there)] += of_window[:, :, top - y : bottom - y] * gaussian
        self._weights[there] += gaussian

    def labels(self) -> LabelArray:
        """(z, y, x) uint8, of the padded image, when all strips have had their windows."""
        self._finish(self._labels.shape[0])
        self._sums = None
        return self._labels

    def _finish(self, stop: int) -> None:
        """Labels the planes before `stop` and moves the others to the front."""
        count = stop - self._first
        if self._sums is None or count <= 0:
            return
        rows = slice(self._strip.start, self._strip.stop)
        for plane in range(count):
            mean = self._sums[:, plane] / self._weights[plane]
            # numpy takes the first of equal ones, as nnU-Net does; float32 is ten times as fast
            self._labels[self._first + plane, rows] = mean.float().cpu().numpy().argmax(axis=0)
        for kept in (*self._sums, self._weights):
            kept[:-count] = kept[count:].clone()
            kept[-count:] = 0
        self._first = stop


@lru_cache(maxsize=4)
def half_gaussian(patch: Shape) -> torch.Tensor:
    """(*patch) float16, nnU-Net's `compute_gaussian`: rounded first, then kept from being 0."""
    impulse = np.zeros(patch)
    impulse[tuple(size // 2 for size in patch)] = 1
    weights = ndimage.gaussian_filter(impulse, [size / 8 for size in patch], mode="constant")
    weights /= weights.max() / 10
    half = weights.astype(np.float16)
    half[half == 0] = half[half > 0].min()
    return torch.from_numpy(half)
