"""Benchmark cases without a network: read, resample, measure, write masks, evaluate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jobs.bench_cases.case import BenchCase, Setting, Sides, run_official, trunk_case
from jobs.bench_cases.cost import Cost, cost_of_call
from jobs.bench_cases.inputs import SCHEMA, make_trunk
from segment_actor.anatomy import load_schema
from segment_actor.grid.resampling import model_grid, to_model_grid
from segment_actor.reading.nifti import read_nifti

MODEL_SPACING_MM = (1.5, 1.5, 1.5)
EVALUATION_SHAPE, EVALUATION_SPACING_MM = (300, 250, 400), (1.5, 1.5, 1.5)


def _read(setting: Setting) -> Sides:
    import nibabel as nib

    file = trunk_case(setting.work).ct_file
    return Sides(
        ours=lambda: cost_of_call(lambda: read_nifti(file.read_bytes())),
        peer=lambda: cost_of_call(lambda: nib.Nifti1Image.from_filename(file).get_fdata()),
    )


def _resample(order: int, *, truncate: bool) -> Callable[[Setting], Sides]:
    def prepare(setting: Setting) -> Sides:
        from scipy import ndimage

        volume = trunk_case(setting.work).volume
        shape = model_grid(volume.shape, volume.spacing_mm, MODEL_SPACING_MM)
        zoom = [m / n for m, n in zip(shape, volume.shape, strict=True)]
        as_floats = volume.hu.astype(np.float64)
        results = {}

        def ours() -> None:
            results["ours"] = to_model_grid(volume, MODEL_SPACING_MM, order, truncate=truncate)

        def peer() -> None:
            results["peer"] = ndimage.zoom(as_floats, zoom, order=order, mode="nearest")

        def agreement() -> str:
            whole = np.trunc if truncate else np.rint
            equal = np.mean(results["ours"] == whole(results["peer"]))
            return f"{100 * equal:.4f} % of voxels equal in whole HU"

        ours()  # numba compiles
        return Sides(lambda: cost_of_call(ours), lambda: cost_of_call(peer), agreement)

    return prepare


def _statistics(setting: Setting) -> Sides:
    from stats.measure import measure

    example, schema = trunk_case(setting.work), load_schema("total_v2")
    results: dict[str, Any] = {}

    def ours() -> None:
        volume = example.volume
        results["ours"] = measure(
            volume.hu, example.labels, volume.voxel_ml, schema, spacing_mm=volume.spacing_mm
        )

    def peer() -> Cost:
        files = (str(example.ct_file), str(example.labels_file))
        cost, results["peer"] = run_official(setting, "statistics", *files)
        return cost

    def agreement() -> str:
        rows = [r for r in results["ours"] if r.volume_ml is not None]
        pairs = [(r, *results["peer"][r.structure]) for r in rows]
        volume = max(abs(r.volume_ml * 1000 / mm3 - 1) for r, mm3, _ in pairs)
        hu = max(abs(r.hu_mean - mean) for r, _, mean in pairs)
        return f"{len(pairs)} structures; volume within {volume:.1e}, mean HU within {hu:.1e}"

    ours()
    if setting.peer_python is None:
        return Sides(lambda: cost_of_call(ours), None)
    return Sides(lambda: cost_of_call(ours), peer, agreement)


def _masks(setting: Setting) -> Sides:
    import nibabel as nib

    from jobs.segment_one_ct.masks import write_masks
    from segment_actor.grid.of_file import nifti_grid
    from segment_actor.writing.label_map import store_labels

    example = trunk_case(setting.work)
    volume, labels = example.volume, example.labels
    header = nib.Nifti1Image.from_filename(example.ct_file).header
    names = {s.id: s.name for s in load_schema(SCHEMA).structures}
    grid = nifti_grid(volume, header)

    def ours() -> None:
        stored = store_labels(labels, volume.shape, volume.affine)
        write_masks(_folder(setting.work / "masks_ours"), stored, grid, names)

    def peer() -> None:
        folder = _folder(setting.work / "masks_nibabel")
        for label, name in names.items():
            mask = nib.Nifti1Image((labels == label).astype(np.uint8), volume.affine)
            nib.save(mask, folder / f"{name}.nii.gz")

    return Sides(lambda: cost_of_call(ours), lambda: cost_of_call(peer))


def _evaluation(setting: Setting) -> Sides:
    from stats.agreement.overlap import dice_per_structure
    from stats.agreement.surface import nsd_per_structure

    schema = load_schema(SCHEMA)
    truth = make_trunk(_folder(setting.work / "truth"), EVALUATION_SHAPE, EVALUATION_SPACING_MM)
    predicted = np.roll(truth.labels, 1, axis=(0, 2))  # a surface 1.5 and 2.1 mm off
    file = _write_labels(setting.work / "predicted.nii.gz", predicted)
    results: dict[str, Any] = {}

    def ours() -> None:
        results["dice"] = dice_per_structure(truth.labels, predicted, schema)
        spacing_mm = EVALUATION_SPACING_MM
        results["nsd"] = nsd_per_structure(truth.labels, predicted, spacing_mm, schema)

    def peer() -> Cost:
        cost, results["peer"] = run_official(setting, "surface", str(truth.labels_file), str(file))
        return cost

    def agreement() -> str:
        theirs = {s.name: results["peer"].get(str(s.id)) for s in schema.structures}
        pairs = [(n, v) for n, v in theirs.items() if v is not None]
        dice = max(abs(results["dice"][n] - v[0]) for n, v in pairs)
        nsd = max(abs(results["nsd"][n] - v[1]) for n, v in pairs)
        return f"{len(pairs)} structures; Dice within {dice:.0e}, NSD within {nsd:.0e}"

    ours()
    if setting.peer_python is None:
        return Sides(lambda: cost_of_call(ours), None)
    return Sides(lambda: cost_of_call(ours), peer, agreement)


def _write_labels(file: Path, labels: np.ndarray) -> Path:
    import nibabel as nib

    affine = np.diag([*EVALUATION_SPACING_MM, 1.0])
    nib.save(nib.Nifti1Image(labels, affine), file)
    return file


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


STEPS = (
    BenchCase("read", "gunzip and decode 512x512x280", "nibabel get_fdata", _read),
    BenchCase(
        "resample-cubic",
        "512x512x280 to 1.5 mm by cubic splines",
        "scipy.ndimage.zoom",
        _resample(3, truncate=False),
    ),
    BenchCase(
        "resample-linear",
        "the same, linear and truncated as in TotalSegmentator 2.18",
        "scipy.ndimage.zoom",
        _resample(1, truncate=True),
    ),
    BenchCase(
        "statistics",
        "volume and HU of all structures of 512x512x280; ours with quantiles and quality",
        "TotalSegmentator --statistics",
        _statistics,
    ),
    BenchCase("masks", "104 mask files of 512x512x280", "nibabel.save", _masks),
    BenchCase(
        "evaluation",
        "Dice and NSD at 3 mm of all structures, 300x250x400 at 1.5 mm",
        "surface-distance",
        _evaluation,
    ),
)
