"""`ctcohort parity` on random weights: its verdict, and what it says of float16 sums."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner

from jobs.parity import main
from tests.support.tiny_cohort import good_cts, write_tiny_model_set

COMPAT = "totalsegmentator-2.18"
TORCH = ["--engine", "torch", "--device", "cpu"]  # the same convolutions as nnU-Net's, bit by bit


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("parity")
    ((name, content),) = good_cts([1]).items()
    (root / name).write_bytes(content)
    models = write_tiny_model_set(root)
    return ["--model-set", str(models), "--ct", str(root / name), "--official", "never", *TORCH]


def parity(inputs: list[str], *flags: str) -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(main, [*inputs, "--format", "json", *flags])
    return result.exit_code, json.loads(result.stdout) if result.exit_code < 2 else []


@pytest.mark.parametrize(
    ("flag", "sums", "resampling"),
    [(["--compat", COMPAT], "float16", COMPAT), (["--float32-sums"], "float32", "order 3")],
)
def test_every_voxel_has_nnunets_label_where_the_sums_are_alike(
    inputs: list[str], flag: list[str], sums: str, resampling: str
) -> None:
    code, rows = parity(inputs, *flag, "--min-equal", "1")
    alike = [row for row in rows if sums in row["against"]]
    assert code == 0
    assert [row["equal_share"] for row in alike if row["structure"] == "all"] == [1.0] * 2
    assert {row["voxels_differ"] for row in alike} == {0}
    assert {row["resampling"] for row in rows} == {resampling}


def test_too_few_equal_voxels_end_with_code_1(inputs: list[str], tmp_path: Path) -> None:
    ct = nib.Nifti1Image.from_filename(inputs[inputs.index("--ct") + 1])
    empty = nib.Nifti1Image(np.zeros(ct.shape, np.uint8), ct.affine)
    nib.save(empty, tmp_path / "empty.nii.gz")
    flags = ("--no-nnunet", "--reference", str(tmp_path / "empty.nii.gz"))
    code, rows = parity(inputs, *flags)
    assert code == 1
    assert rows[0]["equal_share"] < 0.9999
    assert parity(inputs, *flags, "--min-equal", "0")[0] == 0


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--no-nnunet",), "nothing to compare with"),
        (("--compat", "totalsegmentator-1.0"), "there is no compat"),
        (("--official", "/nowhere/TotalSegmentator"), "no program that can be run"),
    ],
)
def test_what_cannot_run_ends_with_code_2_and_a_sentence(
    inputs: list[str], flags: tuple[str, ...], sentence: str
) -> None:
    result = CliRunner().invoke(main, [*inputs, *flags])
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_file_that_is_no_ct_ends_with_code_2(inputs: list[str], tmp_path: Path) -> None:
    (tmp_path / "name_of_a_patient.nii.gz").write_bytes(b"no image")
    result = CliRunner().invoke(main, [*inputs, "--ct", str(tmp_path / "name_of_a_patient.nii.gz")])
    assert result.exit_code == 2
    assert "the CT cannot be used" in result.stderr
    assert "name_of_a_patient" not in result.stderr
