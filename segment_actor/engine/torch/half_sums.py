"""The sums as nnU-Net keeps them: in float16, divided by the sum of the weights.

For `--compat`, where every voxel should have nnU-Net's label. A float16 has 11 bits, so near-ties
between structures fall out otherwise than in float32: 0.1 % of the voxels with random weights,
0.001 % with trained ones (docs/why/parity.md). nnunetv2 2.8.1:
`inference/predict_from_raw_data.py`, `inference/sliding_window_prediction.py`.
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
    """Another backend with nnU-Net's sums in the place of its own; all else is handed on.

    Args:
        backend: runs the network.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.batch = backend.batch

    def image(self, hu: HuArray, before: Shape, normalization: Normalization) -> Image:
        """The backend's image: what the network sees does not depend on the sums."""
        return self.backend.image(hu, before, normalization)

    def logits(self, windows: Batch) -> Batch:
        """The backend's logits, (n, labels, *patch) in its own precision."""
        return self.backend.logits(windows)

    def sums(self, weights: FloatArray, shape: Shape, n_labels: int) -> Sums:
        """Empty sums in float16, on the device of the first logits.

        Args:
            weights: not used but for their shape; nnU-Net rounds its own (`half_gaussian`).
            shape: (z, y, x) of the padded image.
            n_labels: labels of the network, background included.
        """
        depth, height, width = weights.shape
        return HalfSums((depth, height, width), shape, n_labels)

    def available_bytes(self) -> int:
        """What the backend may take: the halves are smaller than its float32 sums."""
        return self.backend.available_bytes()

    def release(self) -> None:
        """Gives back what the backend keeps; these sums keep nothing between CTs."""
        self.backend.release()


class HalfSums:
    """The sums over windows of one strip, and the labels that come of them.

    One patch's thickness along z is held: before the windows move on along z, the planes that they
    leave behind get their labels, and the others move to the front.

    Args:
        patch: (3,) voxels of a window.
        shape: (z, y, x) of the padded image.
        n_labels: labels of the network, background included.
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
        """Labels what is left of the strip before, and makes empty sums of this one."""
        self._finish(self._labels.shape[0])
        self._strip, self._first, self._sums = strip, 0, None

    def add(self, window: Window, logits: Batch) -> None:
        """Adds a window's logits times the Gaussian, both in float16, and the Gaussian itself.

        Args:
            window: where it lies.
            logits: (n_labels, *patch), a tensor or an array; uint16 are bits of bfloat16.
        """
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
    """(*patch) float16, nnU-Net's `compute_gaussian`: rounded first, then kept from being 0.

    In the corners of a window the Gaussian is below the smallest float16, 6e-8; a weight of 0 would
    divide by 0 in the corner of an image.
    """
    impulse = np.zeros(patch)
    impulse[tuple(size // 2 for size in patch)] = 1
    weights = ndimage.gaussian_filter(impulse, [size / 8 for size in patch], mode="constant")
    weights /= weights.max() / 10
    half = weights.astype(np.float16)
    half[half == 0] = half[half > 0].min()
    return torch.from_numpy(half)
