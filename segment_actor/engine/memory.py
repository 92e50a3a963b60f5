"""How much memory one CT will take, and how much there is: arithmetic, and four places to look."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.models.architecture import Architecture
from segment_actor.volume import Shape

FLOAT32_BYTES = 4

WORKSPACE_TENSORS = 6
"""Tensors of the finest stage's size that a U-Net holds at once: skip, upsampled, both joined, two
convolutions' outputs, and the coarser stages together. OpenVINO needs 5 to 6, torch as many."""

LARGEST_SHARE = 0.9
"""Part of the free memory that a CT may take; the rest is for what this arithmetic leaves out."""

LEAST_STRIP_ROWS = 16
"""Lower strips would repeat nearly every window: one of 128 rows touches 8 or 9 strips of 16."""

UNLIMITED = 2**62
"""Bytes that no machine has: for a system that does not say what is free."""


class SizedModel(Protocol):
    """What is needed of a model to predict its memory."""

    @property
    def patch_size(self) -> Shape:
        """(3,) voxels of a window, axes of the network."""
        ...

    @property
    def label_names(self) -> dict[int, str]:
        """Label value to name, background (0) included: as many as the network has outputs."""
        ...

    @property
    def architecture(self) -> Architecture:
        """The network's plan, of which `features_per_stage` counts here."""
        ...


def peak_bytes(model: SizedModel, shape: Shape, rows: int, batch: int = 1) -> int:
    """What segmenting one CT takes at its peak, apart from the CT itself and the weights.

    Args:
        model: patch, labels and the finest stage's features.
        shape: (z, y, x) of the padded image.
        rows: height of a strip: what is summed at a time.
        batch: windows that the engine runs at a time.
    """
    n_labels, patch = len(model.label_names), int(np.prod(model.patch_size))
    features = model.architecture.arguments["features_per_stage"]
    finest = features if isinstance(features, int) else features[0]
    sums = n_labels * model.patch_size[0] * rows * shape[2] * FLOAT32_BYTES
    window = patch * (n_labels + WORKSPACE_TENSORS * finest) * FLOAT32_BYTES
    labels = int(np.prod(shape))
    return sums + batch * window + 2 * labels


def strips_that_fit(model: SizedModel, shape: Shape, available: int, batch: int = 1) -> int:
    """The smallest number of strips with which a CT fits.

    Args:
        model: patch, labels and the finest stage's features.
        shape: (z, y, x) of the padded image.
        available: bytes that are free; `LARGEST_SHARE` of them are used.
        batch: windows that the engine runs at a time.

    Raises:
        SeriesError: TOO_LARGE, not even the lowest strips do.
    """
    allowed = int(LARGEST_SHARE * available)
    for count in range(1, max(1, shape[1] // LEAST_STRIP_ROWS) + 1):
        needed = peak_bytes(model, shape, -(-shape[1] // count), batch)
        if needed <= allowed:
            return count
    raise SeriesError(
        FailureCode.TOO_LARGE,
        f"This CT is too large for this machine: on the model's grid it has "
        f"{shape[2]} x {shape[1]} x {shape[0]} voxels, which take {needed / 1e9:.1f} GB of memory, "
        f"and {available / 1e9:.1f} GB are free. Run it on a machine with more memory, or with a "
        "model set of coarser voxels.",
    )


def available_bytes() -> int:
    """Main memory that this process may still take: the least of what its limits leave."""
    return max(0, min(_bytes_left()))


def resident_bytes() -> int:
    """Main memory of this process, without files and memory shared with others."""
    return _bytes_in_file(Path("/proc/self/status"), "RssAnon")


def _bytes_left() -> Iterator[int]:
    yield _bytes_in_file(Path("/proc/meminfo"), "MemAvailable") or UNLIMITED
    status = Path("/proc/self/status")
    for limit, used in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY:
            yield soft - _bytes_in_file(status, used)
    yield from _bytes_left_in_cgroups()


def _bytes_in_file(path: Path, key: str) -> int:
    """The value of a `key:  n kB` line in bytes; 0 where there is none."""
    if not path.is_file():
        return 0
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) * 1024
    return 0


def _bytes_left_in_cgroups() -> Iterator[int]:
    """A container's limit, by either version of control groups."""
    for limit, used, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        root = Path("/sys/fs/cgroup")
        if not ((root / limit).is_file() and (root / used).is_file()):
            continue
        text = (root / limit).read_text().strip()
        if text.isdigit():
            stat = (root / limit).with_name("memory.stat")
            # files that the system would drop before it refuses memory
            spare = dict(line.split() for line in stat.read_text().splitlines()).get(cache, "0")
            yield int(text) - int((root / used).read_text()) + int(spare)
