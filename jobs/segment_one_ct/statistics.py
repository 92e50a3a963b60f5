"""The numbers of one CT beside its masks: ours, or those that TotalSegmentator would write."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from segment_actor.anatomy import load_schema
from segment_actor.grid.resampling import nearest_index
from segment_actor.models.set import ModelSet
from segment_actor.segment import Segmented
from segment_actor.writing.label_map import store_labels
from stats.label_map.totalsegmentator import official_statistics
from stats.measure import StructureRow, measure

FAST_MM = 3.0
"""From this spacing on TotalSegmentator measures on the models' grid, not on the CT's
(python_api.py and nnunet.py, version 2.18: `--fast` and `--fastest`)."""


def write_statistics(
    folder: Path, segmented: Segmented, models: ModelSet, shown: Collection[str]
) -> None:
    """Writes statistics.json, and statistics.csv unless another tool's way was asked for.

    Args:
        folder: to write into.
        segmented: the CT with its labels.
        models: the set that segmented it; its `compat` decides whose rules are followed.
        shown: names of the structures that are written.
    """
    if models.compat:
        content: object = _official(segmented, models, shown)
    else:
        rows = [asdict(row) for row in _our_rows(segmented, models, shown)]
        with (folder / "statistics.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, StructureRow.__slots__, lineterminator="\n")
            writer.writeheader()  # not measured is an empty field, and null in the other file
            writer.writerows(rows)
        content = {row.pop("structure"): row for row in rows}
    (folder / "statistics.json").write_text(json.dumps(content, indent=4), encoding="utf-8")


def _our_rows(segmented: Segmented, models: ModelSet, shown: Collection[str]) -> list[StructureRow]:
    """The rows of `structures`, as a run over a cohort measures them."""
    volume, labels = segmented.volume, segmented.labels
    i, j, k = (nearest_index(*n) for n in zip(volume.shape, labels.shape, strict=True))
    schema = load_schema(models.schema)
    rows = measure(
        volume.hu, labels, volume.voxel_ml, schema, (i, j, k), spacing_mm=volume.spacing_mm
    )
    return [row for row in rows if row.structure in shown]


def _official(
    segmented: Segmented, models: ModelSet, shown: Collection[str]
) -> dict[str, dict[str, float]]:
    """The content of TotalSegmentator's statistics.json."""
    volume, labels, schema = segmented.volume, segmented.labels, load_schema(models.schema)
    if min(models.spacing_mm) >= FAST_MM:
        found = official_statistics(segmented.model_hu, labels, models.spacing_mm, schema)
    else:
        whole = store_labels(labels, volume.shape, volume.affine).whole()
        found = official_statistics(volume.hu, whole, volume.spacing_mm, schema)
    return {name: asdict(one) for name, one in found.items() if name in shown}
