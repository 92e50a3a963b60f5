"""The sliding window, by nnU-Net's rules (nnunetv2 2.8.1, `inference/` and `preprocessing/`).

Crop to the bounding box of non-zero HU; normalise; pad with 0 to at least one patch, centred;
put windows at most `step` patches apart; weight each window's logits with a Gaussian; sum; take
the label of the largest sum. Where nnU-Net sums in float16 and divides by the sum of the weights,
we sum in float32; the division changes no argmax.

The windows run along axis 0 in order, so a plane is finished once the last window over it is: only
one patch's thickness of logits is ever held. 22 labels on 600 x 273 x 273 voxels would be 3.9 GB;
one patch of 128 planes is 0.8 GB. Where even that does not fit, the planes are summed in strips of
rows: a window over two strips runs twice, and every voxel's sum has the same terms in the same
order, so that the labels do not depend on how much memory was free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from segment_actor.engine.backend import Backend
from segment_actor.engine.memory import SizedModel, strips_that_fit
from segment_actor.engine.windows import strips, window_weights, windows
from segment_actor.models.folder import Normalization
from segment_actor.volume import Box, HuArray, LabelArray, Shape

T = TypeVar("T")


class WindowedModel(SizedModel, Protocol):
    """What the sliding window needs to know of a model; a `ModelFolder` has it."""

    @property
    def transpose(self) -> Shape:
        """(3,) axis n of the network is axis transpose[n] of (K, J, I)."""
        ...

    @property
    def normalization(self) -> Normalization:
        """Bounds, mean and standard deviation by which HU become the network's input."""
        ...


def predict_labels(
    model: WindowedModel,
    backend: Backend,
    hu: HuArray,
    step: float = 0.5,
    turn: AbstractContextManager[object] | None = None,
    *,
    share: float = 1.0,
) -> LabelArray:
    """Labels a CT that lies on the network's grid.

    Args:
        model: patch, labels and normalisation, as its folder says.
        backend: runs its network.
        hu: (I, J, K) int16, RAS, at the model's spacing.
        step: distance of windows as a fraction of the patch, 0 < step <= 1.
        turn: a lock for lanes that share a GPU: held while the network runs, but not while the CT
            is uploaded, so that the next CT is ready when this one ends. None for no lock.
        share: part of the free memory that may be taken, 0 < share <= 1.

    Returns:
        (I, J, K) uint8, label values of the model's `label_names`.

    Raises:
        SeriesError: TOO_LARGE, the memory that is free does not take it.
    """
    # nnU-Net's arrays are (z, y, x), reordered by its plans; axis n of (K, J, I) is 2 - n of hu
    to_network = tuple(2 - axis for axis in model.transpose)
    image = hu.transpose(to_network)
    labels = np.zeros(image.shape, dtype=np.uint8)
    box = nonzero_box(image)
    cropped = image[box]
    shape, inside = _padded(cropped.shape, model.patch_size)
    before = tuple(axis.start for axis in inside)
    uploaded = backend.image(cropped, before, model.normalization)
    with turn or nullcontext():
        n_labels, patch = len(model.label_names), model.patch_size
        sums = backend.sums(window_weights(patch), shape, n_labels)
        free = int(share * backend.available_bytes())
        count = strips_that_fit(model, shape, free, backend.batch)
        for strip in strips(shape[1], count):
            sums.begin(strip)
            for batch in _batches(windows(shape, patch, step, strip), backend.batch):
                logits = backend.logits(uploaded.windows([w.start for w in batch], patch))
                for window, window_logits in zip(batch, logits, strict=True):
                    sums.add(window, window_logits)
        labels[box] = sums.labels()[inside]
    return labels.transpose(np.argsort(to_network))


def nonzero_box(image: HuArray) -> Box:
    """The smallest box that holds every non-zero voxel; the whole image if all are zero."""
    bounds = []
    for axis in range(3):
        planes = np.moveaxis(image, axis, 0)
        first = next((n for n, plane in enumerate(planes) if plane.any()), None)
        if first is None:
            return slice(None), slice(None), slice(None)
        last = next(n for n in reversed(range(len(planes))) if planes[n].any())
        bounds.append(slice(first, last + 1))
    return bounds[0], bounds[1], bounds[2]


def _padded(shape: Sequence[int], patch: Shape) -> tuple[Shape, Box]:
    """Shape of the image padded to at least one patch, and where in it the image lies.

    Half of the padding goes before it; of an odd number one voxel more goes behind, as in nnU-Net.
    """
    short = [max(p - size, 0) for p, size in zip(patch, shape, strict=True)]
    z, y, x = (size + missing for size, missing in zip(shape, short, strict=True))
    i, j, k = (
        slice(missing // 2, missing // 2 + size) for size, missing in zip(shape, short, strict=True)
    )
    return (z, y, x), (i, j, k)


def _batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch
