"""The masks of one CT as files: compressed straight from the models' grid, on all cores."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from segment_actor.grid.of_file import StoredGrid, mask_header
from segment_actor.writing.gzip_parts import Part, compress_part, gzip_member
from segment_actor.writing.label_map import StoredLabels

CPUS = os.cpu_count() or 1


def write_multilabel(
    path: Path, stored: StoredLabels, grid: StoredGrid, names: Mapping[int, str]
) -> None:
    """Writes one file with all structures (TotalSegmentator's --ml), their names in its header."""
    _write(path, [compress_part(mask_header(grid, names)), *stored.parts(CPUS)])


def write_masks(
    folder: Path, stored: StoredLabels, grid: StoredGrid, names: Mapping[int, str]
) -> None:
    """Writes one file a structure, NAME.nii.gz: 1 inside, 0 outside; also for those not found."""
    header = compress_part(mask_header(grid))

    def write(label: int) -> None:
        _write(folder / f"{names[label]}.nii.gz", [header, *stored.mask_parts(label)])

    with ThreadPoolExecutor(CPUS) as pool:
        list(pool.map(write, names))


def _write(path: Path, parts: Iterable[Part]) -> None:
    with path.open("wb") as file:
        file.writelines(gzip_member(parts))
