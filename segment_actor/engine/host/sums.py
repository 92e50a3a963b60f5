"""Image, sums and labels in main memory, by compiled loops over numpy arrays.

All but the network of one 512x512x280 CT in five parts moves some 80 GB through memory. So each
logit is read once: the pass that adds the last window over a voxel also compares that voxel's sums
and writes its label.
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
        hu: (z, y, x) int16, axes of the network.
        before: (3,) voxels of padding in front of it.
        normalization: bounds, mean and standard deviation by which HU become the network's input.
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

    Windows run along z in order, so sums of one window's depth are enough. They are held as a ring:
    plane z lies in slot z modulo the depth, and nothing is ever moved. Final sums go back to zero,
    ready for the plane one depth farther on; so after the last window of a strip all are zero.

    Args:
        weights: (*patch) float32 by which a window's logits are multiplied.
        shape: (z, y, x) of the padded image.
        n_labels: labels of the network, background included.
        threads: that share the planes of a window.
    """

    def __init__(self, weights: FloatArray, shape: Shape, n_labels: int, threads: int = 1) -> None:
        self._weights = weights
        self._n_labels = n_labels
        self._threads = threads
        self._labels = np.zeros(shape, dtype=np.uint8)
        self._strip = Strip(0, 0)
        self._sums = np.empty(0, dtype=np.float32)

    def begin(self, strip: Strip) -> None:
        """Makes empty sums of a strip's rows; its windows follow in order."""
        depth, width = self._weights.shape[0], self._labels.shape[2]
        self._strip = strip
        ZEROS.put(self._sums)  # all zero again, see the class
        self._sums = ZEROS.take((self._n_labels, depth, strip.stop - strip.start, width))

    def add(self, window: Window, logits: FloatArray | BitArray) -> None:
        """Adds a window's logits; the voxels that are final get their labels.

        Args:
            window: where it lies.
            logits: (n_labels, *patch) float32, or uint16 with the bits of bfloat16.
        """
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
    """Keeps one array of zeros for the next strip and the next CT.

    To have a fresh gigabyte mapped by the system takes longer than to fill it. Whoever gives an
    array back has set it to zero, so that nobody has to clear it.
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
        """Size of the array that is kept, bytes; 0 while it is taken."""
        return self._kept.nbytes

    def clear(self) -> None:
        """Gives the memory of the kept array back to the system."""
        with self._lock:
            self._kept = np.zeros(0, dtype=np.float32)


ZEROS = Zeros()


def run_in_threads(work: Callable[[int, int], None], count: int, threads: int) -> None:
    """Runs `work(begin, end)` over [0, count) in as many pieces as there are threads.

    Args:
        work: releases the GIL, else the threads wait for each other.
        count: items to be shared out.
        threads: 1 runs all in the calling thread.
    """
    if threads == 1:
        work(0, count)
        return
    edges = [round(piece * count / threads) for piece in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, begin, end) for begin, end in pairwise(edges)]:
            done.result()
