"""Writes surface_distance.json: what DeepMind's surface-distance gives for a few label maps.

Run by hand, in an environment of its own (`pip install surface-distance==0.1 numpy scipy nibabel`):

    python tests/golden/make_surface_distance.py FOLDER > tests/golden/surface_distance.json

FOLDER holds TotalSegmentator's tests/reference_files (tests/support/real_ct.py fetches them).
"""

from __future__ import annotations

import importlib
import json
import sys
from itertools import starmap
from pathlib import Path

import nibabel.nifti1
import numpy as np
import numpy.typing as npt
import scipy.ndimage

# surface-distance 0.1 uses names that numpy 2 and scipy 1.15 dropped
setattr(np, "Inf", np.inf)  # noqa: B010
setattr(scipy.ndimage, "filters", scipy.ndimage)  # noqa: B010
setattr(scipy.ndimage, "morphology", scipy.ndimage)  # noqa: B010

sd = importlib.import_module("surface_distance")
lookup_tables = importlib.import_module("surface_distance.lookup_tables")

AREAS_SPACING_MM = (0.7, 1.1, 2.5)
LABELS = (1, 2, 3)
CASES = (  # shape, spacing in mm, tolerance in mm
    ((6, 5, 4), (1.5, 1.5, 1.5), 3.0),
    ((7, 4, 5), (0.8, 0.9, 2.0), 1.0),
    ((4, 8, 5), (3.0, 3.0, 3.0), 3.0),
    ((5, 5, 5), (5.0, 0.7, 0.7), 2.0),
    ((9, 4, 4), (1.0, 2.0, 3.0), 0.5),
)


def nsd(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], *how: object) -> float:
    spacing_mm, tolerance_mm = how
    distances = sd.compute_surface_distances(a, b, spacing_mm)
    return float(sd.compute_surface_dice_at_tolerance(distances, tolerance_mm))


def small_case(shape: tuple[int, ...], spacing_mm: object, tolerance_mm: object) -> object:
    """Blocks of three labels, and the same with a quarter of the voxels drawn anew."""
    rng = np.random.default_rng(sum(shape))
    blocks = rng.integers(0, 4, [(n + 1) // 2 for n in shape])
    blocks = blocks.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    truth = blocks[: shape[0], : shape[1], : shape[2]]
    predicted = np.where(rng.random(shape) < 0.75, truth, rng.integers(0, 4, shape))
    return {
        "shape": shape,
        "spacing_mm": spacing_mm,
        "tolerance_mm": tolerance_mm,
        "truth": "".join(map(str, truth.ravel())),
        "predicted": "".join(map(str, predicted.ravel())),
        "nsd": [nsd(truth == n, predicted == n, spacing_mm, tolerance_mm) for n in LABELS],
    }


def real_case(folder: Path) -> object:
    """Label id -> Dice and NSD at 3 mm of TotalSegmentator's slow and fast result."""
    names = ("example_seg.nii.gz", "example_seg_fast.nii.gz")
    truth, fast = (nibabel.nifti1.load(folder / name) for name in names)
    spacing_mm = [float(mm) for mm in truth.header.get_zooms()[:3]]
    a, b = np.asarray(truth.dataobj), np.asarray(fast.dataobj)
    return {
        int(n): (sd.compute_dice_coefficient(a == n, b == n), nsd(a == n, b == n, spacing_mm, 3.0))
        for n in np.unique(a[a > 0])
    }


def main(folder: str) -> None:
    areas = lookup_tables.create_table_neighbour_code_to_surface_area(AREAS_SPACING_MM)
    facts = {
        "areas_spacing_mm": AREAS_SPACING_MM,
        "areas_mm2": areas.tolist(),
        "small": list(starmap(small_case, CASES)),
        "real": real_case(Path(folder)),
    }
    sys.stdout.write(json.dumps(facts, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
