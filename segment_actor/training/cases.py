"""Phantoms as an nnU-Net raw dataset: CTs resampled as at inference, truth painted on that grid."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np

from segment_actor.anatomy import Schema
from segment_actor.grid.resampling import model_grid, resample
from segment_actor.phantom.patient import draw_patient
from segment_actor.phantom.scanner import (
    FIELDS_OF_VIEW,
    Grid,
    draw_protocol,
    scan_phantom,
    truth_on_grid,
)
from segment_actor.volume import Affine, HuArray, LabelArray

FIRST_TRAINING_SEED = 1_000_000
"""Training phantoms have seeds from here on; `ctcohort phantom` draws its own from 0."""

FIRST_EVEN_CASE = 80
"""From this case on all fields of view are equally frequent. Before, they are as in an archive,
where the neck is rare: with those alone C4 was never learnt (Dice 0.0 after 700 steps)."""


def write_dataset(
    folder: Path, schema: Schema, n_cases: int, spacing_mm: float, processes: int
) -> None:
    """Writes imagesTr, labelsTr and dataset.json for n_cases phantoms at one isotropic spacing."""
    (folder / "imagesTr").mkdir(parents=True, exist_ok=True)
    (folder / "labelsTr").mkdir(parents=True, exist_ok=True)
    write = partial(_write_case, folder, schema, spacing_mm)
    seeds = range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + n_cases)
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(write, seeds))
    dataset = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **schema.ids},
        "numTraining": n_cases,
        "file_ending": ".nii",
        "overwrite_image_reader_writer": "NibabelIO",
        "licence": "Apache-2.0",
        "description": "Phantoms of ctcohort. Models trained on it are for phantoms, not patients.",
    }
    (folder / "dataset.json").write_text(json.dumps(dataset, indent=1) + "\n")


def training_case(
    seed: int, schema: Schema, spacing_mm: float
) -> tuple[HuArray, LabelArray, Affine]:
    """One phantom on the model's grid: hu int16 and truth uint8, both (I, J, K), and the affine.

    The CT takes the path of inference (its own spacing, then cubic resampling), so that the model
    learns on what it will see; the truth is painted on the model's grid and is exact there.
    """
    n = seed - FIRST_TRAINING_SEED
    view = [*FIELDS_OF_VIEW][n % len(FIELDS_OF_VIEW)] if n >= FIRST_EVEN_CASE else None
    patient, protocol = draw_patient(seed), draw_protocol(seed, view)
    volume, _ = scan_phantom(patient, protocol, schema)
    shape = model_grid(volume.shape, volume.spacing_mm, (spacing_mm,) * 3)
    hu = np.rint(resample(volume.hu, shape)).astype(np.int16)
    # Corner-aligned, as scipy.ndimage.zoom: the first and the last voxel centres stay in place.
    step = (np.array(volume.shape) - 1) / (np.array(shape) - 1)
    affine = volume.affine @ np.diag([*step, 1.0])
    return hu, truth_on_grid(patient, protocol, schema, Grid(shape, affine)), affine


def _write_case(folder: Path, schema: Schema, spacing_mm: float, seed: int) -> None:
    hu, labels, _ = training_case(seed, schema, spacing_mm)
    header = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    nib.save(nib.Nifti1Image(hu, header), folder / "imagesTr" / f"phantom_{seed}_0000.nii")
    nib.save(nib.Nifti1Image(labels, header), folder / "labelsTr" / f"phantom_{seed}.nii")
