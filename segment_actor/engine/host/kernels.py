"""The compiled loops of `host`: windows are cut out of a CT, their logits added and compared.

All arrays are C-contiguous with x fastest, so every inner loop runs along one row of memory. Memory
and not arithmetic sets the time: a part of a 512x512x280 CT moves 17 GB, at the 11 GB/s that one
core gave (docs/why/benchmarks.md). Therefore each sum is read and written once a window.
"""

from __future__ import annotations

import numba
import numpy as np

from segment_actor.engine.host.bfloat16 import widen_to_float32
from segment_actor.engine.host.prefetch import prefetch

ZERO = np.float32(0)

LINE = 16
"""float32 values in a line of the cache, 64 bytes."""

ROWS_AHEAD = 8
"""How many rows before its use a row is asked for. The processor foresees the end of a row, but not
where the next one begins. With 8, sums of 25 labels of 512x512x280 take two thirds of the time that
they take without; 2 and 4 gain less."""


@numba.njit(cache=True, nogil=True)
def cut_window(hu, first, scale, window):  # type: ignore[no-untyped-def]
    """Copies one window out of a CT, normalised; 0 where it reaches over the CT's edge.

    Args:
        hu: (z, y, x) int16.
        first: (3,) voxel of hu at which the window begins; negative in the padding before it.
        scale: (4,) float32: lower and upper bound, mean, standard deviation, HU.
        window: (*patch) float32, written.
    """
    lower, upper, mean, std = scale
    depth, height, width = window.shape
    # the part of a row inside of the CT is found once, so that the loop over x has no branch
    begin = min(width, max(0, -first[2]))
    end = max(begin, min(width, hu.shape[2] - first[2]))
    for z in range(depth):
        for y in range(height):
            row = window[z, y]
            of_z, of_y = z + first[0], y + first[1]
            if of_z < 0 or of_y < 0 or of_z >= hu.shape[0] or of_y >= hu.shape[1]:
                row[:] = 0
                continue
            source = hu[of_z, of_y]
            row[:begin] = 0
            row[end:] = 0
            for x in range(begin, end):
                value = np.float32(source[x + first[2]])
                value = lower if value < lower else value
                value = upper if value > upper else value
                row[x] = (value - mean) / std  # not times 1 / std: nnU-Net's bits


@numba.njit(cache=True, nogil=True)
def add_window(sums, labels, logits, weights, place, rows, planes):  # type: ignore[no-untyped-def]
    """Adds some planes of a window, and labels the voxels that no later window covers.

    Args:
        sums: (n_labels, depth, rows of the strip, x) float32. A ring along z: plane z of the image
            lies in slot z % depth, where depth is that of a window.
        labels: (z, y, x) uint8 of the padded image, written where voxels are final.
        logits: (n_labels, depth, height, width) of the window, float32 or bits of bfloat16.
        weights: (depth, height, width) float32.
        place: (2, 3) int64: the window's first voxel, and the first voxel along each axis that a
            later window covers.
        rows: first row of the strip, and the one after its last.
        planes: first plane of the window to add, and the one after the last: a thread's share.
            All planes of a window lie in different slots, so threads never write the same sum.
    """
    n_labels, depth, height, width = logits.shape
    (z0, y0, x0), final = place[0], place[1]
    begin, end = max(0, rows[0] - y0), min(height, rows[1] - y0)
    final_x = min(width, final[2] - x0)
    best = np.empty((height, width), dtype=np.float32)
    label = np.empty((height, width), dtype=np.int32)
    for z in range(planes[0], planes[1]):
        slot = (z0 + z) % depth
        # a voxel is final if it lies below `final` along all three axes
        final_y = final[1] - y0 if z0 + z < final[0] else 0
        best[:] = -np.inf
        label[:] = 0
        # Plane by plane, all labels of one before the next: best and label of a plane of 128 x 128
        # are 64 kB each and stay in the cache. Voxel by voxel, the n_labels sums of each would lie
        # in as many places of memory.
        for n in range(n_labels):
            for y in range(begin, end):
                if y + ROWS_AHEAD < end:
                    ahead = y0 + y + ROWS_AHEAD - rows[0]
                    _prefetch_row(sums[n, slot, ahead, x0 : x0 + width])
                    _prefetch_row(logits[n, z, y + ROWS_AHEAD])
                row = sums[n, slot, y0 + y - rows[0], x0 : x0 + width]
                _add_row(row, logits[n, z, y], weights[z, y])
                if y < final_y:
                    _compare_row(row[:final_x], best[y], label[y], n)
        for y in range(begin, min(end, final_y)):
            for x in range(final_x):
                labels[z0 + z, y0 + y, x0 + x] = label[y, x]


@numba.njit(cache=True, nogil=True)
def _prefetch_row(row):  # type: ignore[no-untyped-def]
    for x in range(0, len(row), LINE):
        prefetch(row, x)  # type: ignore[call-arg]  # numba itself passes the first


@numba.njit(cache=True, nogil=True)
def _add_row(sums, logits, weights):  # type: ignore[no-untyped-def]
    for x in range(len(sums)):
        sums[x] += widen_to_float32(logits[x]) * weights[x]  # type: ignore[no-untyped-call]


@numba.njit(cache=True, nogil=True)
def _compare_row(sums, best, label, n):  # type: ignore[no-untyped-def]
    """Compares one label's final sums of a row with the best so far, and sets them to zero.

    The slot is then ready for the plane one window's depth farther on. In two loops without
    branches or min(), and apart from the addition: the compiler makes vector instructions only of
    loops with few arrays, whose addresses it can compare beforehand.
    """
    for x in range(len(sums)):
        value, most = sums[x], best[x]
        larger = value > most  # of equal sums the lower label stays, as in numpy's argmax
        label[x] = np.int32(n if larger else label[x])
        best[x] = value if larger else most
    for x in range(len(sums)):
        sums[x] = ZERO
