"""The numbers of one CT beside its masks: ours, or those that TotalSegmentator would write."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from jobs.shared.output import csv_bytes
from jobs.shared.quality import say_quality
from segment_actor.anatomy import load_schema
from segment_actor.layers import labels_on_ct
from segment_actor.models.set import ModelSet
from segment_actor.segment import Segmented
from stats.contrast_phase import contrast_phase
from stats.label_map.totalsegmentator import official_statistics
from stats.measure import StructureRow, measure_maps

log = logging.getLogger(__name__)

FAST_MM = 3.0
"""From this spacing on TotalSegmentator measures on the models' grid, not on the CT's
(python_api.py and nnunet.py, version 2.18: `--fast` and `--fastest`)."""


def write_statistics(
    folder: Path,
    segmented: Segmented,
    models: ModelSet,
    shown: Collection[str],
    agent: bool | None,
) -> None:
    """Writes statistics.json, and statistics.csv unless another tool's way was asked for.

    Ours are judged as well: the verdict and the contrast phase go to stderr.

    Args:
        folder: to write into.
        segmented: the CT with its labels.
        models: the set that segmented it; its way decides whose rules are followed.
        shown: names of the structures that are written.
        agent: whether the header names a contrast agent; None where it is silent.
    """
    if models.way.name:
        content: object = _official(segmented, models, shown)
    else:
        measured = our_rows(segmented, models)
        mine = [row for row in measured if row.structure in shown]
        say_quality(mine)
        phase = contrast_phase({row.structure: row for row in measured}, agent)
        log.info("contrast phase: %s", phase)
        rows = [asdict(row) for row in mine]
        # not measured is an empty field, and null in the other file
        table = csv_bytes(StructureRow.__slots__, (row.values() for row in rows))
        (folder / "statistics.csv").write_bytes(table)
        content = {row.pop("structure"): row for row in rows}
    (folder / "statistics.json").write_text(json.dumps(content, indent=4), encoding="utf-8")


def our_rows(segmented: Segmented, models: ModelSet) -> list[StructureRow]:
    """The rows of `structures`, as a run over a cohort measures them."""
    volume, schema = segmented.volume, load_schema(models.schema)
    return measure_maps(
        volume.hu, segmented.layers, volume.voxel_ml, schema, spacing_mm=volume.spacing_mm
    )


def _official(
    segmented: Segmented, models: ModelSet, shown: Collection[str]
) -> dict[str, dict[str, float]]:
    """The content of TotalSegmentator's statistics.json."""
    volume, schema = segmented.volume, load_schema(models.schema)
    resampled = dict(zip(models.whole_grids, segmented.resampled, strict=True))
    found = {}
    for layer, grid in zip(segmented.layers, models.grids, strict=True):
        if grid in resampled and min(grid.spacing_mm) >= FAST_MM:
            ct = (resampled[grid], layer.labels, grid.spacing_mm)
        else:
            ct = (volume.hu, labels_on_ct(layer), volume.spacing_mm)
        of_layer = official_statistics(*ct, schema)
        known = {s.name for s in schema.structures if s.id in layer.ids}
        found.update({name: one for name, one in of_layer.items() if name in known})
    return {name: asdict(one) for name, one in found.items() if name in shown}
