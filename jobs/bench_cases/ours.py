"""Our side of the whole-CT cases, in a process of its own: prints one line of JSON.

    python -m jobs.bench_cases.ours without-network MODEL_SET CT OUT
    python -m jobs.bench_cases.ours without-sums MODEL_SET CT OUT
    python -m jobs.bench_cases.ours resident MODEL_SET CT OUT

Each reads a CT, segments it, and writes label map and statistics into the folder OUT. It times
itself after its imports and a first CT (numba compiles, models load), as `infra/peers` times the
official pipeline after its imports.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jobs.bench_cases.cost import cpu_s
from jobs.segment_one_ct.masks import write_multilabel
from jobs.segment_one_ct.statistics import write_statistics
from segment_actor.anatomy import load_schema
from segment_actor.engine.host.constant import ConstantLogits
from segment_actor.engine.sliding_window import predict_labels
from segment_actor.execution import Execution
from segment_actor.layers import Segmenter
from segment_actor.models.folder import read_model_folder
from segment_actor.models.group import Group
from segment_actor.models.set import ModelSet, label_table, load_model_set
from segment_actor.reading.series import read_series
from segment_actor.segment import group_loader, names_of, segment_scan
from segment_actor.volume import HuArray, LabelArray
from segment_actor.writing.label_map import store_labels


class WithoutNetwork:
    """A group whose network costs nothing; its sums and comparisons are done."""

    def __init__(self, group: Group, models: ModelSet) -> None:
        self._model = read_model_folder(group.folder)
        n_labels, patch = len(self._model.label_names), self._model.patch_size
        self._constant = ConstantLogits(n_labels, patch, os.cpu_count() or 1)
        self._step = models.way.step
        self._to_id = label_table(self._model.label_names, load_schema(models.schema))

    def segment(self, hu: HuArray) -> LabelArray:
        """(I, J, K) HU to ids of the schema, as `GroupSegmenter.segment`, from constant logits."""
        ids: LabelArray = self._to_id[predict_labels(self._model, self._constant, hu, self._step)]
        return ids


class WithoutSums:
    """A group that was labelled on a GPU: what is left for the CPU is all the rest."""

    def segment(self, hu: HuArray) -> LabelArray:
        """Blocks of 20 voxels of all ids from 0 to 116."""
        i, j, k = (np.arange(n, dtype=np.uint16) // 20 for n in hu.shape)
        blocks = i[:, None, None] * 17 + j[:, None] * 5 + k
        labels: LabelArray = (blocks % 117).astype(np.uint8)
        return labels


def _segmenters(case: str, models: ModelSet) -> Sequence[Segmenter]:
    if case == "without-network":
        return [WithoutNetwork(group, models) for group in models.groups]
    if case == "without-sums":
        return [WithoutSums() for _ in models.groups]
    load = group_loader(models, Execution(precision="bfloat16"))
    return [load(group) for group in models.groups]


def main(case: str, model_set: str, ct: str, out: str) -> None:
    """Runs one case twice and prints what the second time cost, as one line of JSON.

    Args:
        case: without-network, without-sums or resident.
        model_set: name of a model set.
        ct: a CT, .nii.gz.
        out: folder to write label map and statistics into.
    """
    models = load_model_set(model_set)
    schema = load_schema(models.schema)
    segmenters = _segmenters(case, models)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)

    def one_ct() -> None:
        scan = read_series("nifti", [Path(ct).read_bytes()])
        segmented = segment_scan(scan.volume, models, segmenters)
        stored = store_labels(segmented.labels, scan.grid.shape, scan.grid.affine)
        write_multilabel(folder / "labels.nii.gz", stored, scan.grid, names_of(schema))
        write_statistics(folder, segmented, models, schema.names, agent=scan.facts.contrast_agent)

    one_ct()
    wall, cpu = time.perf_counter(), cpu_s()
    one_ct()
    print(json.dumps({"wall_s": time.perf_counter() - wall, "cpu_s": cpu_s() - cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
