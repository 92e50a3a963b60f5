"""The sliding window, by nnU-Net's rules (nnunetv2 2.8.1, `inference/` and `preprocessing/`).

Crop to the bounding box of non-zero HU; normalise; pad with 0 to at least one patch, centred;
put windows at most `step` patches apart; weight each window's logits with a Gaussian; sum; take
the label of the largest sum. Where nnU-Net sums in float16 and divides by the sum of the weights,
we sum in float32; the division changes no argmax.

The windows run along axis 0 in order, so a plane is finished once the last window over it is: only
one patch's thickness of logits is ever held. 22 labels on 600 x 273 x 273 voxels would be 3.9 GB;
one patch of 128 planes is 0.8 GB.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from segment_actor.model_folder import Normalization
from segment_actor.model_set import Precision
from segment_actor.network import Network
from segment_actor.volume import HuArray, LabelArray, Shape

Box = tuple[slice, slice, slice]
FloatArray = npt.NDArray[np.float32]


def predict_labels(
    network: Network, hu: HuArray, step: float = 0.5, precision: Precision = "float32"
) -> LabelArray:
    """Labels a CT that lies on the network's grid.

    Args:
        network: from `load_network`.
        hu: (I, J, K) int16, RAS, at `network.spacing_mm`.
        step: distance of windows as a fraction of the patch, 0 < step <= 1.
        precision: of the convolutions; sums are float32 either way.

    Returns:
        (I, J, K) uint8, label values of `network.label_names`.
    """
    # nnU-Net sees (z, y, x), then its plans' own order of axes
    to_network = tuple(2 - axis for axis in network.transpose)
    image = hu.transpose(to_network)
    labels = np.zeros(image.shape, dtype=np.uint8)
    box = nonzero_box(image)
    cropped = labels[box]
    normalised = normalise(image[box], network.normalization)
    for planes, sums in _finished_planes(network, normalised, step, precision):
        for plane, of_plane in zip(cropped[planes], sums[:-1].unbind(dim=1), strict=True):
            plane[:] = of_plane.argmax(dim=0).numpy()  # by plane: argmax copies what it is given
    return np.ascontiguousarray(labels.transpose(np.argsort(to_network)))


def predict_logits(
    network: Network, image: FloatArray, step: float = 0.5, precision: Precision = "float32"
) -> FloatArray:
    """The whole volume's logits: large; for comparisons and small images.

    Args:
        network: from `load_network`.
        image: (z, y, x) float32, normalised, in the network's axis order.
        step: distance of windows as a fraction of the patch.
        precision: of the convolutions.

    Returns:
        (labels, z, y, x) float32.
    """
    logits = np.empty((len(network.label_names), *image.shape), dtype=np.float32)
    for planes, sums in _finished_planes(network, image, step, precision):
        logits[:, planes] = (sums[:-1] / sums[-1]).numpy()
    return logits


def usable_precision(wanted: Precision) -> Precision:
    """bfloat16 only where the processor multiplies it; without that it is slower than float32."""
    processor = torch.cpu.get_capabilities()
    supported = processor.get("avx512_bf16") or processor.get("amx_bf16")
    return wanted if supported else "float32"


def nonzero_box(image: HuArray) -> Box:
    """The smallest box that holds every non-zero voxel; the whole image if all are zero."""
    bounds = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        (filled,) = np.nonzero(image.any(axis=others))
        bounds.append(slice(int(filled[0]), int(filled[-1]) + 1) if filled.size else slice(None))
    return bounds[0], bounds[1], bounds[2]


def normalise(hu: HuArray, to: Normalization) -> FloatArray:
    """nnU-Net's CTNormalization, in float32 as there."""
    image = hu.astype(np.float32)
    np.clip(image, to.lower_hu, to.upper_hu, out=image)
    image -= to.mean_hu
    image /= to.std_hu
    return image


def window_starts(size: int, patch: int, step: float) -> list[int]:
    """First voxels of the windows along one axis: evenly spread, at most step * patch apart.

    Args:
        size: of the image along this axis, at least `patch`.
        patch: of the window along this axis.
        step: as a fraction of the patch.
    """
    intervals = math.ceil((size - patch) / (patch * step))
    if intervals == 0:
        return [0]
    spacing = (size - patch) / intervals
    return [round(spacing * index) for index in range(intervals + 1)]


def window_weights(patch: Shape) -> torch.Tensor:
    """(*patch) float32: a Gaussian of sigma patch / 8 about the centre, largest value 10.

    Nowhere 0, so that every voxel has a weight.
    """
    impulse = np.zeros(patch)
    impulse[tuple(size // 2 for size in patch)] = 1
    sigma = [size / 8 for size in patch]
    weights = ndimage.gaussian_filter(impulse, sigma, mode="constant")
    weights = (weights / weights.max() * 10).astype(np.float32)
    weights[weights == 0] = weights[weights > 0].min()
    return torch.from_numpy(weights)


def _finished_planes(
    network: Network, image: FloatArray, step: float, precision: Precision
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yields planes of `image` along axis 0, first to last, with their sums.

    The sums are (labels + 1, planes, y, x) float32: weighted logits, then the weights themselves.
    They are overwritten by the next turn.
    """
    padded, inside = _pad(image, network.patch_size)
    for planes, sums in _sum_windows(network, padded, step, precision):
        first = max(planes.start, inside[0].start)
        last = min(planes.stop, inside[0].stop)
        if first < last:
            of_slab = slice(first - planes.start, last - planes.start)
            of_image = slice(first - inside[0].start, last - inside[0].start)
            yield of_image, sums[:, of_slab, inside[1], inside[2]]


def _pad(image: FloatArray, patch: Shape) -> tuple[FloatArray, Box]:
    """Pads with 0 to at least one patch; an odd voxel goes behind. Returns where the image is."""
    short = [max(p - size, 0) for p, size in zip(patch, image.shape, strict=True)]
    before = [missing // 2 for missing in short]
    widths = [(b, missing - b) for b, missing in zip(before, short, strict=True)]
    i, j, k = (slice(b, b + size) for b, size in zip(before, image.shape, strict=True))
    return (np.pad(image, widths) if any(short) else image), (i, j, k)


@torch.inference_mode()
def _sum_windows(
    network: Network, image: FloatArray, step: float, precision: Precision
) -> Iterator[tuple[slice, torch.Tensor]]:
    patch = network.patch_size
    starts = [window_starts(s, p, step) for s, p in zip(image.shape, patch, strict=True)]
    weights = window_weights(patch)
    sums = torch.zeros((len(network.label_names) + 1, patch[0], *image.shape[1:]))
    for start, following in pairwise([*starts[0], image.shape[0]]):
        for y, x in product(starts[1], starts[2]):
            over = (slice(None), slice(y, y + patch[1]), slice(x, x + patch[2]))
            logits = _forward(network, image[start : start + patch[0]][over], precision)
            sums[:-1][(slice(None), *over)] += logits.mul_(weights)
            sums[-1][over] += weights
        finished = following - start
        yield slice(start, following), sums[:, :finished]
        _shift(sums, finished)


def _forward(network: Network, window: FloatArray, precision: Precision) -> torch.Tensor:
    """(z, y, x) float32 to (labels, z, y, x) float32 logits."""
    batch = torch.from_numpy(np.ascontiguousarray(window))[None, None]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        logits: torch.Tensor = network.module(batch)
    return logits[0].float()


def _shift(sums: torch.Tensor, finished: int) -> None:
    """Drops the finished planes and opens as many empty ones; one label at a time, for memory."""
    kept = sums.shape[1] - finished
    for of_label in sums:
        of_label[:kept] = of_label[finished:].clone()
        of_label[kept:] = 0
