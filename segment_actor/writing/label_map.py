"""A label map on the CT's own grid and axes, made plane by plane and never held whole.

The labels of a CT are kept on the model's grid, in RAS. Each voxel of the CT's file takes the label
of the nearest; a plane of the file is one plane of the model grid, spread out along two axes, and
compressed once however often it is repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from nibabel import orientations
from scipy import ndimage

from segment_actor.grid.resampling import nearest_index
from segment_actor.volume import Affine, Box, LabelArray, Shape
from segment_actor.writing.gzip_parts import Part, compress_part, join_parts, zeros_part

IndexArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class StoredLabels:
    """Labels as a CT's file would hold them.

    Attributes:
        planes: (k, j, i) uint8 C-contiguous, the model grid along the file's axes; the file's
            slowest axis comes first, as its bytes do.
        boxes: the box in `planes` around each label that occurs.
        index: for each voxel of the file along K, J and I, its voxel in `planes`.
    """

    planes: LabelArray
    boxes: Mapping[int, Box]
    index: tuple[IndexArray, IndexArray, IndexArray]

    def whole(self) -> LabelArray:
        """(I, J, K) uint8, Fortran-ordered: the label map itself, all of it in memory."""
        along_k, along_j, along_i = self.index
        out = np.empty([len(along) for along in self.index], np.uint8)
        for k, n in enumerate(along_k):
            out[k] = self.planes[n].take(along_i, axis=1).take(along_j, axis=0)
        return out.T

    def parts(self, threads: int = 1) -> Iterator[Part]:
        """The bytes of the label map, I fastest, compressed.

        Args:
            threads: that compress planes side by side.
        """
        runs = [(n, len(list(run))) for n, run in groupby(self.index[0])]
        with ThreadPoolExecutor(threads) as pool:
            planes = pool.map(self._plane, [n for n, _ in runs])
            for plane, (_, times) in zip(planes, runs, strict=True):
                yield from [plane] * times

    def mask_parts(self, label: int) -> Iterator[Part]:
        """The bytes of the mask of one label, 1 inside and 0 outside, compressed.

        Only the planes and rows of the file that the structure reaches are made.
        """
        along_k, along_j, along_i = self.index
        box = self.boxes.get(label, (slice(0, 0),) * 3)
        planes, rows = _within(along_k, box[0]), _within(along_j, box[1])
        above, below = (
            zeros_part(n * len(along_i)) for n in (rows.start, len(along_j) - rows.stop)
        )
        plane_size = len(along_j) * len(along_i)
        yield zeros_part(planes.start * plane_size)
        for n, run in groupby(along_k[planes]):
            mask = (self.planes[n] == label).view(np.uint8)
            filled = mask.take(along_i, axis=1).take(along_j[rows], axis=0)
            plane = join_parts(join_parts(above, compress_part(filled)), below)
            yield from [plane] * len(list(run))
        yield zeros_part((len(along_k) - planes.stop) * plane_size)

    def _plane(self, n: int) -> Part:
        _, along_j, along_i = self.index
        return compress_part(self.planes[n].take(along_i, axis=1).take(along_j, axis=0))


def store_labels(
    labels: LabelArray,
    shape: Shape,
    affine: Affine,
    indices: tuple[IndexArray, IndexArray, IndexArray] | None = None,
) -> StoredLabels:
    """The label map of a CT, ready to be written as its file is.

    Args:
        labels: (i, j, k) uint8 on the model's grid, RAS.
        shape: (I, J, K) of the CT, axes of its file.
        affine: (4, 4), voxel index of the file to RAS millimetres.
        indices: for each axis of the CT in RAS the voxel of `labels`; None if they lie over the
            extent of the CT, voxel by nearest voxel.
    """
    to_ras = orientations.io_orientation(affine)
    axes = [int(axis) for axis in to_ras[:, 0]]
    turned = labels.transpose(axes)
    if indices is None:
        in_order = [nearest_index(*sizes) for sizes in zip(shape, turned.shape, strict=True)]
    else:
        in_order = [indices[axis] for axis in axes]
    index = [along[:: int(flip)] for along, flip in zip(in_order, to_ras[:, 1], strict=True)]
    planes = np.ascontiguousarray(turned.T)
    boxes = enumerate(ndimage.find_objects(planes), 1)
    found = {label: box for label, box in boxes if box is not None}
    return StoredLabels(planes, found, (index[2], index[1], index[0]))


def _within(index: IndexArray, voxels: slice) -> slice:
    """The stretch of `index`, rising or falling, that points into these voxels."""
    (inside,) = np.nonzero((index >= voxels.start) & (index < voxels.stop))
    return slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)
