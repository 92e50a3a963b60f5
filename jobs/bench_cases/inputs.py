"""What the benchmark's cases are run on: phantoms at the size of clinical CTs, and label maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from isal import igzip

from segment_actor.anatomy import load_schema
from segment_actor.grid.resampling import labels_on_grid
from segment_actor.phantom.patient import draw_patient
from segment_actor.phantom.scanner import draw_protocol, scan_phantom
from segment_actor.volume import LabelArray, Shape, SpacingMm, Volume

BIG_SHAPE: Shape = (512, 512, 280)
BIG_SPACING_MM: SpacingMm = (0.8, 0.8, 1.5)
"""A CT of trunk size; 273 x 273 x 280 voxels at 1.5 mm, 27 windows of 128 at step 0.8."""

NOISE_HU = 12.0
"""Without noise, gzip and caches would have less to do than with a patient's CT."""

SEED = 77
SCHEMA = "paper104"


@dataclass(frozen=True, slots=True)
class Example:
    """A CT with its true labels, in memory and as files.

    Attributes:
        volume: RAS.
        labels: (I, J, K) uint8 on the CT's grid, ids of `SCHEMA`.
        ct_file, labels_file: the same as .nii.gz.
    """

    volume: Volume
    labels: LabelArray
    ct_file: Path
    labels_file: Path


def make_trunk(folder: Path, shape: Shape, spacing_mm: SpacingMm) -> Example:
    """A phantom's trunk on a grid of any size.

    It is rendered coarsely and spread over the grid by nearest voxel: edges are blocky, but the
    number of voxels, structures and surfaces is that of a CT of this size.
    """
    protocol = draw_protocol(SEED, "trunk")
    coarse, truth = scan_phantom(draw_patient(SEED), protocol, load_schema(SCHEMA))
    labels = labels_on_grid(truth, shape)
    noise = np.random.default_rng(SEED)
    hu = np.empty(shape, dtype=np.int16)
    nearest = [np.arange(n) * m // n for n, m in zip(shape, coarse.shape, strict=True)]
    for k in range(shape[2]):
        plane = coarse.hu[nearest[0][:, None], nearest[1], nearest[2][k]]
        hu[:, :, k] = plane + noise.standard_normal(plane.shape, np.float32) * NOISE_HU
    affine = np.diag([*spacing_mm, 1.0])
    stem = "x".join(map(str, shape))
    ct_file, labels_file = folder / f"{stem}.nii.gz", folder / f"{stem}_labels.nii.gz"
    for file, array in ((ct_file, hu), (labels_file, labels)):
        with igzip.IGzipFile(file, "wb", compresslevel=1) as stream:
            stream.write(nib.Nifti1Image(array, affine).to_bytes())
    return Example(Volume(hu, affine), labels, ct_file, labels_file)
