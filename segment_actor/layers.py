"""From a CT to its label maps, one a grid: the one loop over grids and their groups.

    CT --resampled--> grid --its groups, painted in order--> layer
                        ^                                      |
                        +---- a crop is made of layers before -+

How the groups of a grid are run, one after the other or side by side on actors, is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema, load_schema
from segment_actor.grid.resampling import nearest_index, to_model_grid
from segment_actor.models.folder import read_model_folder
from segment_actor.models.grids import Crop, Grid
from segment_actor.models.set import ModelSet
from segment_actor.models.way import Way
from segment_actor.volume import N_LABEL_VALUES, Box, HuArray, LabelArray, Shape, Volume

IndexArray = npt.NDArray[np.int32]

Indices = tuple[IndexArray, IndexArray, IndexArray]
"""For each axis of the CT (N,) int32, never falling: the nearest voxel of a label map."""

RunGroups = Callable[[Sequence[int], HuArray], Iterable[LabelArray]]
"""Numbers of groups of the set, and the CT on their grid, (i, j, k) int16: their labels, in order,
each (i, j, k) uint8 ids of the schema, 0 elsewhere."""


class Segmenter(Protocol):
    """One group's model; `segment_actor.segmenter.GroupSegmenter` is one."""

    def segment(self, hu: HuArray) -> LabelArray:
        """(i, j, k) int16 on the model's grid to (i, j, k) uint8 ids of the schema, 0 elsewhere."""
        ...


@dataclass(frozen=True, slots=True)
class Layer:
    """What the groups of one grid have drawn.

    Attributes:
        name: of its first group.
        labels: (i, j, k) uint8, ids of the schema, RAS. Of a crop it has a plane of background on
            every side, which stands for all of the CT outside.
        indices: from the CT to `labels`.
        ids: of the structures that its groups know; no other is ever in `labels`.
    """

    name: str
    labels: LabelArray
    indices: Indices
    ids: frozenset[int]


def layer_of_whole(name: str, labels: LabelArray, ct: Shape, ids: frozenset[int]) -> Layer:
    """The layer of a label map over the whole extent of the CT.

    Args:
        name: of its first group.
        labels: (i, j, k) uint8.
        ct: (I, J, K), the CT's voxels.
        ids: that the groups know.
    """
    i, j, k = (nearest_index(*sizes) for sizes in zip(ct, labels.shape, strict=True))
    return Layer(name, labels, (i, j, k), ids)


def resample_whole(volume: Volume, grids: Sequence[Grid], way: Way) -> list[HuArray]:
    """The CT on each grid that covers all of it.

    Args:
        volume: RAS.
        grids: without a crop.
        way: of the model set.

    Returns:
        (i, j, k) int16 of each.
    """
    return [
        to_model_grid(volume, grid.spacing_mm, way.order, truncate=way.truncate) for grid in grids
    ]


def segment_layers(
    volume: Volume, resampled: Sequence[HuArray], models: ModelSet, run: RunGroups
) -> tuple[Layer, ...]:
    """Labels one CT, grid after grid.

    Args:
        volume: the CT, RAS; its voxels are read for grids with a crop only.
        resampled: of `resample_whole` on the set's `whole_grids`.
        models: the set.
        run: labels the CT with some of its groups.

    Returns:
        One a grid, in order. Where the structures of a crop were not found, the layer is empty and
        its groups do not run: what lies in them is absent with them.
    """
    schema = load_schema(models.schema)
    whole = dict(zip(models.whole_grids, resampled, strict=True))
    layers: list[Layer] = []
    for grid in models.grids:
        numbers = models.groups_on(grid)
        groups = [models.groups[n] for n in numbers]
        names = [n for g in groups for n in read_model_folder(g.folder).label_names.values()]
        ids = frozenset(schema.ids[name] for name in names if name in schema.ids)
        if grid.crop is None:
            labels = paint(run(numbers, whole[grid]))
            layers.append(layer_of_whole(groups[0].name, labels, volume.shape, ids))
        else:
            box = crop_box(volume, layers, grid.crop, schema)
            labels, indices = _in_box(volume, box, grid, models.way, partial(run, numbers))
            layers.append(Layer(groups[0].name, labels, indices, ids))
    return tuple(layers)


def one_after_the_other(segmenters: Iterable[Segmenter]) -> RunGroups:
    """Runs each group when its turn comes, so that one model has to be in memory at a time.

    Args:
        segmenters: of all groups of a set, in painting order; used once.
    """
    rest = iter(segmenters)

    def run(groups: Sequence[int], hu: HuArray) -> Iterable[LabelArray]:
        return (next(rest).segment(hu) for _ in groups)

    return run


def paint(parts: Iterable[LabelArray]) -> LabelArray:
    """One label map of several of the same shape; where two label a voxel, the later has it."""
    rest = iter(parts)
    painted = next(rest).copy(order="K")
    for part in rest:
        np.copyto(painted, part, where=part != 0)
    return painted


def crop_box(volume: Volume, layers: Sequence[Layer], crop: Crop, schema: Schema) -> Box | None:
    """The voxels of the CT around structures that were found; None if none of them was.

    The margin is cut off to whole voxels, as TotalSegmentator's crop_to_mask does (cropping.py,
    version 2.18), and the box ends where the CT ends.
    """
    wanted = np.zeros(N_LABEL_VALUES, np.bool_)
    wanted[[schema.ids[name] for name in crop.structures]] = True
    box = []
    for axis, (size, mm) in enumerate(zip(volume.shape, volume.spacing_mm, strict=True)):
        inside = np.zeros(size, np.bool_)
        others = tuple(n for n in range(3) if n != axis)
        for layer in layers:
            planes = np.asarray(wanted[layer.labels].any(axis=others))
            inside |= planes[layer.indices[axis]]
        places = np.flatnonzero(inside)
        if not places.size:
            return None
        margin = int(crop.margin_mm / mm)
        box.append(slice(max(int(places[0]) - margin, 0), min(int(places[-1]) + 1 + margin, size)))
    return box[0], box[1], box[2]


def keep_only(layers: Sequence[Layer], schema: Schema, names: Collection[str]) -> tuple[Layer, ...]:
    """The layers with these structures alone; as they are if none is named."""
    if not names:
        return tuple(layers)
    table = np.zeros(N_LABEL_VALUES, np.uint8)
    for name in names:
        table[schema.ids[name]] = schema.ids[name]
    kept = frozenset(schema.ids[name] for name in names)  # the others are no longer looked for
    return tuple(
        replace(layer, labels=table[layer.labels], ids=layer.ids & kept) for layer in layers
    )


def flattened(layers: Sequence[Layer], ct: Shape) -> LabelArray:
    """(i, j, k) uint8: all layers on the grid of the first, the later over the earlier.

    Args:
        layers: of one CT.
        ct: (I, J, K), its voxels.
    """
    first, *others = layers
    if not others:
        return first.labels
    painted = first.labels.copy(order="K")
    # for each voxel of the first grid the CT's nearest, and of that the other layer's
    to_ct = [nearest_index(*sizes) for sizes in zip(first.labels.shape, ct, strict=True)]
    for layer in others:
        index = [along[at] for along, at in zip(layer.indices, to_ct, strict=True)]
        part = layer.labels[np.ix_(*index)]
        np.copyto(painted, part, where=part != 0)
    return painted


def labels_on_ct(layer: Layer) -> LabelArray:
    """(I, J, K) uint8: a layer on the CT's own grid, each voxel with the label of the nearest."""
    labels = layer.labels
    for axis, index in enumerate(layer.indices):
        labels = labels.take(index, axis=axis)
    return labels


def last_that_knows(layers: Sequence[Layer], labels: Iterable[int]) -> dict[int, int]:
    """Label to the number of the layer that it is read from; the first if no layer knows it."""
    return {
        label: max((n for n, layer in enumerate(layers) if label in layer.ids), default=0)
        for label in labels
    }


def has_voxels(layers: Iterable[Layer]) -> npt.NDArray[np.bool_]:
    """(256,) bool: whether a label occurs in one of the layers."""
    found = np.zeros(N_LABEL_VALUES, np.bool_)
    for layer in layers:
        found |= np.bincount(layer.labels.ravel(order="K"), minlength=N_LABEL_VALUES) > 0
    return found


def _in_box(
    volume: Volume,
    box: Box | None,
    grid: Grid,
    way: Way,
    run: Callable[[HuArray], Iterable[LabelArray]],
) -> tuple[LabelArray, Indices]:
    """The labels of a crop, with a plane of background around it, and the way there from the CT."""
    if box is None:
        i, j, k = (np.zeros(n, np.int32) for n in volume.shape)
        return np.zeros((1, 1, 1), np.uint8), (i, j, k)
    exact = None if volume.exact_hu is None else volume.exact_hu[box]
    # resampling asks for the spacing alone, not where the box lies
    (hu,) = resample_whole(Volume(volume.hu[box], volume.affine, exact), [grid], way)
    labels = np.pad(paint(run(hu)), 1)
    indices = []
    for size, inside, n_labels in zip(volume.shape, box, hu.shape, strict=True):
        index = np.zeros(size, np.int32)
        index[inside] = 1 + nearest_index(inside.stop - inside.start, n_labels)
        index[inside.stop :] = n_labels + 1
        indices.append(index)
    return labels, (indices[0], indices[1], indices[2])
