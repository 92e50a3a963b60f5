"""`ctcohort measure` refuses what a run would refuse, and labels that are none."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result

from jobs.measure import main

SHAPE = (12, 12, 12)
Voxels = npt.NDArray[Any]
Change = Callable[[Voxels], Voxels]
AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])


def body() -> Voxels:
    """(12, 12, 12) int16: fat and muscle with noise, air around."""
    rng = np.random.default_rng(0)
    hu = np.full(SHAPE, -1000.0)
    hu[1:11, 1:11] = -100
    hu[3:9, 3:9] = 50
    noisy: Voxels = (hu + rng.normal(0, 15, SHAPE)).round().astype(np.int16)
    return noisy


def measured(folder: Path, hu: Voxels, labels: Voxels) -> Result:
    for name, voxels in (("ct.nii.gz", hu), ("labels.nii.gz", labels)):
        nib.save(nib.Nifti1Image(voxels, AFFINE), folder / name)
    files = ["--ct", str(folder / "ct.nii.gz"), "--labels", str(folder / "labels.nii.gz")]
    return CliRunner().invoke(main, [*files, "--schema", "paper104", "--format", "csv"])


def liver() -> Voxels:
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:8, 4:8, 4:8] = 5
    return labels


def test_a_structure_is_measured(tmp_path: Path) -> None:
    result = measured(tmp_path, body(), liver())
    assert result.exit_code == 0, result.output
    (row,) = [
        row for row in csv.DictReader(result.stdout.splitlines()) if row["structure"] == "liver"
    ]
    assert row["voxel_count"] == "64"
    assert float(row["volume_ml"]) == pytest.approx(64 * 0.012)


def test_a_ct_clipped_to_a_window_is_refused(tmp_path: Path) -> None:
    result = measured(tmp_path, body().clip(-160, 240), liver())
    assert result.exit_code == 2
    assert "cut off at -160" in result.output


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda labels: labels * 0.9, "no whole numbers"),
        (lambda labels: np.where(labels == 0, np.nan, labels), "NaN or infinite"),
        (lambda labels: labels.astype(np.int16) * 60, "values 300, which are no labels"),
        (lambda labels: labels * 50, "values 250, which are no labels of paper104"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, change: Change, sentence: str) -> None:
    result = measured(tmp_path, body(), change(liver()))
    assert result.exit_code == 2
    assert sentence in result.output
