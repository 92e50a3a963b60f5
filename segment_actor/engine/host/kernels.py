"""The compiled loops of `host`: windows are cut out of a CT, their logits added and compared."""

from __future__ import annotations

import numba
import numpy as np

from segment_actor.engine.host.bfloat16 import widen_to_float32
from segment_actor.engine.host.prefetch import prefetch

ZERO = np.float32(0)

LINE = 16
"""float32 values in a line of the cache, 64 bytes."""

ROWS_AHEAD = 8
"""With it, sums of 25 labels of 512x512x280 take two thirds of the time (2 and 4 gain less)."""


@numba.njit(cache=True, nogil=True)
def cut_window(hu, first, scale, window):  # type: ignore[no-untyped-def]
    """Copies the window that begins at voxel `first` of hu, normalised; outside is 0."""
    lower, upper, mean, std = scale
    depth, height, width = window.shape
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
                row[x] = (value - mean) / std


@numba.njit(cache=True, nogil=True)
def add_window(sums, labels, logits, weights, place, rows, planes):  # type: ignore[no-untyped-def]
    """Adds some planes of a window. place: (start, final) x (z, y, x); rows: of the strip."""
    n_labels, depth, height, width = logits.shape
    (z0, y0, x0), final = place[0], place[1]
    begin, end = max(0, rows[0] - y0), min(height, rows[1] - y0)
    final_x = min(width, final[2] - x0)
    best = np.empty((height, width), dtype=np.float32)
    label = np.empty((height, width), dtype=np.int32)
    for z in range(planes[0], planes[1]):
        slot = (z0 + z) % depth
        final_y = final[1] - y0 if z0 + z < final[0] else 0
        best[:] = -np.inf
        label[:] = 0
        for n in range(n_labels):  # by plane: best and label stay in the cache
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
    """Final sums: compared, and set to zero.

    In two loops without branches or min(), and apart from the addition: the compiler makes vector
    instructions only of loops with few arrays, whose addresses it can compare beforehand.
    """
    for x in range(len(sums)):
        value, most = sums[x], best[x]
        larger = value > most  # of equal sums the lower label stays, as in numpy's argmax
        label[x] = np.int32(n if larger else label[x])
        best[x] = value if larger else most
    for x in range(len(sums)):
        sums[x] = ZERO
