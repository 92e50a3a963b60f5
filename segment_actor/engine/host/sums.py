"""Image, sums and labels in main memory, by compiled loops over numpy arrays.

All but the network of one 512x512x280 CT in five parts moves some 80 GB through memory. So each
logit is read once, and the last window over a voxel compares its sums in the pass that adds them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from segment_actor.engine.host.kernels import add_window, cut_window
from segment_actor.engine.windows import BitArray, Strip, Window
from segment_actor.models.folder import Normalization
from segment_actor.volume import FloatArray, HuArray, LabelArray, Shape


class HostImage:
    """A CT of which windows are cut, normalised and padded when they are needed.

    Args:
        hu: (z, y, x) int16.
        before: (3,) voxels of padding in front of it.
        normalization: of HU.
    """

    def __init__(self, hu: HuArray, before: Shape, normalization: Normalization) -> None:
        self._hu = np.ascontiguousarray(hu)
        self._before = before
        of_hu = normalization
        numbers = (of_hu.lower_hu, of_hu.upper_hu, of_hu.mean_hu, of_hu.std_hu)
        self._scale = np.array(numbers, dtype=np.float32)

    def windows(self, starts: Sequence[Shape], patch: Shape) -> FloatArray:
        """(n, 1, *patch) float32, normalised; 0 where there is padding."""
        batch = np.empty((len(starts), 1, *patch), dtype=np.float32)
        for window, start in zip(batch[:, 0], starts, strict=True):
            first = np.subtract(start, self._before)
            cut_window(self._hu, first, self._scale, window)
        return batch


class HostSums:
    """The sums over windows of one strip, and the labels that come of them.

    One patch's thickness along z is held, as a ring: plane z lies at z modulo the thickness. What
    is final goes back to zero, ready for the planes behind.

    Args:
        weights: (*patch) float32, of a window's voxels.
        shape: (z, y, x) of the padded image.
        n_labels: of the network.
        threads: that share the work.
    """

    def __init__(self, weights: FloatArray, shape: Shape, n_labels: int, threads: int = 1) -> None:
        self._weights = weights
        self._n_labels = n_labels
        self._threads = threads
        self._labels = np.zeros(shape, dtype=np.uint8)
        self._strip = Strip(0, 0)
        self._sums = np.empty(0, dtype=np.float32)

    def begin(self, strip: Strip) -> None:
        """From here on the windows of this strip follow."""
        depth, width = self._weights.shape[0], self._labels.shape[2]
        self._strip = strip
        ZEROS.put(self._sums)
        self._sums = ZEROS.take((self._n_labels, depth, strip.stop - strip.start, width))

    def add(self, window: Window, logits: FloatArray | BitArray) -> None:
        """Adds (n_labels, *patch), float32 or uint16 bits; final voxels get their labels."""
        place = np.array([window.start, window.final], dtype=np.int64)
        rows = (self._strip.start, self._strip.stop)

        def add_planes(begin: int, end: int) -> None:
            add_window(self._sums, self._labels, logits, self._weights, place, rows, (begin, end))

        run_in_threads(add_planes, logits.shape[1], self._threads)

    def labels(self) -> LabelArray:
        """(z, y, x) uint8, of the padded image, when all strips have had their windows."""
        ZEROS.put(self._sums)
        self._sums = np.empty(0, dtype=np.float32)
        return self._labels


class Zeros:
    """Keeps one array of zeros for the next CT.

    To have a fresh gigabyte mapped by the system takes longer than to fill it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept = np.zeros(0, dtype=np.float32)

    def take(self, shape: tuple[int, ...]) -> FloatArray:
        """An array of zeros, the kept one if it is large enough."""
        size = int(np.prod(shape))
        with self._lock:
            kept, self._kept = self._kept, np.zeros(0, dtype=np.float32)
        flat = kept if kept.size >= size else np.zeros(size, dtype=np.float32)
        return flat[:size].reshape(shape)

    def put(self, zeros: FloatArray) -> None:
        """Gives back what was taken and is all zeros again."""
        flat = zeros if zeros.base is None else zeros.base
        with self._lock:
            if flat.size > self._kept.size:
                self._kept = flat

    @property
    def nbytes(self) -> int:
        """Of the kept array."""
        return self._kept.nbytes

    def clear(self) -> None:
        """Gives the memory back to the system."""
        with self._lock:
            self._kept = np.zeros(0, dtype=np.float32)


ZEROS = Zeros()


def run_in_threads(work: Callable[[int, int], None], count: int, threads: int) -> None:
    """Runs `work(begin, end)` over [0, count) in as many pieces as there are threads."""
    if threads == 1:
        work(0, count)
        return
    edges = [round(piece * count / threads) for piece in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, begin, end) for begin, end in pairwise(edges)]:
            done.result()
