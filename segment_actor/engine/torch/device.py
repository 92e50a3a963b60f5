"""Image, sums and labels as tensors on one device; the same on a GPU and, for tests, on a CPU.

Voxels go up as int16 and labels come back as uint8; nothing else crosses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from segment_actor.engine.windows import Strip, Window
from segment_actor.models.folder import Normalization
from segment_actor.volume import FloatArray, HuArray, LabelArray, Shape


class DeviceImage:
    """A CT on the device, normalised and padded.

    Args:
        hu: (z, y, x) int16, axes of the network.
        before: (3,) voxels of padding in front of it.
        normalization: bounds, mean and standard deviation by which HU become the network's input.
        device: a GPU, or the CPU.
    """

    def __init__(
        self, hu: HuArray, before: Shape, normalization: Normalization, device: torch.device
    ) -> None:
        self._before = before
        self._image = self._normalised(_upload(hu, device), normalization)

    def windows(self, starts: Sequence[Shape], patch: Shape) -> torch.Tensor:
        """(n, 1, *patch) float32; 0 where there is padding."""
        return torch.stack([self._window(start, patch) for start in starts])[:, None]

    def _window(self, start: Shape, patch: Shape) -> torch.Tensor:
        first = [s - b for s, b in zip(start, self._before, strict=True)]
        inside = [
            (max(0, f), min(f + p, size))
            for f, p, size in zip(first, patch, self._image.shape, strict=True)
        ]
        window = self._image[tuple(slice(*bounds) for bounds in inside)]
        if window.shape == patch:
            return window
        padding = [
            (begin - f, f + p - end)
            for (begin, end), f, p in zip(inside, first, patch, strict=True)
        ]
        # pad() counts from the last axis
        flat = [width for of_axis in reversed(padding) for width in of_axis]
        return torch.nn.functional.pad(window, flat)

    @staticmethod
    def _normalised(hu: torch.Tensor, to: Normalization) -> torch.Tensor:
        image = hu.to(torch.float32).clamp_(to.lower_hu, to.upper_hu)
        return image.sub_(to.mean_hu).div_(to.std_hu)


def _upload(hu: HuArray, device: torch.device) -> torch.Tensor:
    """(z, y, x) int16 on the device.

    To a GPU through pinned memory and on a stream of its own, so that it goes on while another CT
    is segmented.
    """
    if device.type != "cuda":
        return torch.from_numpy(np.array(hu, order="C"))
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream):
        pinned = torch.empty(hu.shape, dtype=torch.int16, pin_memory=True)
        pinned.numpy()[:] = hu
        there = pinned.to(device, non_blocking=True)
    stream.synchronize()
    return there


class DeviceSums:
    """As `host.sums.HostSums`, with a ring of planes along z, but on the device.

    The labels of a voxel lie side by side in memory, as in the network's channels_last logits, so
    that both are read in order.

    Args:
        weights: (*patch) float32 by which a window's logits are multiplied.
        shape: (z, y, x) of the padded image.
        n_labels: labels of the network, background included.
        device: where sums and labels lie.
    """

    def __init__(
        self, weights: FloatArray, shape: Shape, n_labels: int, device: torch.device
    ) -> None:
        self._weights = torch.from_numpy(weights).to(device)
        self._n_labels = n_labels
        self._labels = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._strip = Strip(0, 0)
        self._sums = torch.zeros(0)

    def begin(self, strip: Strip) -> None:
        """Makes empty sums of a strip's rows; its windows follow in order."""
        depth, width = len(self._weights), self._labels.shape[2]
        self._strip = strip
        shape = (depth, strip.stop - strip.start, width, self._n_labels)
        self._sums = torch.zeros(shape, device=self._labels.device).permute(3, 0, 1, 2)

    @torch.inference_mode()
    def add(self, window: Window, logits: torch.Tensor) -> None:
        """Adds the (n_labels, *patch) logits of a window; final voxels get their labels."""
        (z0, y0, x0), (_, height, width) = window.start, self._weights.shape
        begin, end = max(y0, self._strip.start), min(y0 + height, self._strip.stop)
        of_window = slice(begin - y0, end - y0)
        of_strip = slice(begin - self._strip.start, end - self._strip.start)
        for planes, slots in self._in_ring(z0, z0 + len(self._weights)):
            self._sums[:, slots, of_strip, x0 : x0 + width].addcmul_(
                logits[:, planes, of_window].float(), self._weights[planes, of_window]
            )
        self._finish(window, begin, end)

    def _finish(self, window: Window, begin: int, end: int) -> None:
        """Labels what no later window sees, and makes its sums zero again."""
        (z0, _, x0), (final_z, final_y, final_x) = window.start, window.final
        end = min(end, final_y)
        if begin >= end:
            return
        rows = slice(begin - self._strip.start, end - self._strip.start)
        for planes, slots in self._in_ring(z0, final_z):
            for plane, slot in zip(
                range(z0 + planes.start, z0 + planes.stop),
                range(slots.start, slots.stop),
                strict=True,
            ):  # plane by plane: argmax makes int64, 8 bytes a voxel
                done = self._sums[:, slot, rows, x0:final_x]
                self._labels[plane, begin:end, x0:final_x] = done.argmax(dim=0)
                done.zero_()

    def labels(self) -> LabelArray:
        """(z, y, x) uint8, of the padded image, when all strips have had their windows."""
        self._sums = torch.zeros(0)
        labels: LabelArray = self._labels.cpu().numpy()
        return labels

    def _in_ring(self, start: int, stop: int) -> Iterator[tuple[slice, slice]]:
        """Slots of the planes start .. stop - 1, of which there are at most a window's depth.

        Yields:
            One or two stretches (the ring may end between them): planes counted from `start`, and
            the slots in which they lie.
        """
        depth = len(self._weights)
        first = start % depth
        split = min(stop - start, depth - first)
        yield slice(0, split), slice(first, first + split)
        if split < stop - start:
            yield slice(split, stop - start), slice(0, stop - start - split)
