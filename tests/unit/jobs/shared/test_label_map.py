from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from jobs.shared.label_map import read_label_map
from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError

SCHEMA = load_schema("paper104")
LABELS = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6) % 105
LPS = np.diag([-2.0, -2.0, 3.0, 1.0])


def write(file: Path, values: np.ndarray = LABELS) -> Path:
    nib.save(nib.Nifti1Image(values, LPS), file)
    return file


def test_axes_stay_the_files_or_are_turned_to_ras(tmp_path: Path) -> None:
    file = write(tmp_path / "map.nii.gz")
    np.testing.assert_array_equal(read_label_map(file, SCHEMA).labels, LABELS)
    in_ras = read_label_map(file, SCHEMA, in_ras=True)
    np.testing.assert_array_equal(in_ras.labels, LABELS[::-1, ::-1])
    assert np.array_equal(np.diag(in_ras.affine), [2.0, 2.0, 3.0, 1.0])


def test_spacing_and_voxel_volume_are_those_of_the_affine(tmp_path: Path) -> None:
    found = read_label_map(write(tmp_path / "map.nii"), SCHEMA)
    assert (found.shape, found.spacing_mm) == ((4, 5, 6), (2.0, 2.0, 3.0))
    assert found.voxel_ml == pytest.approx(0.012)


@pytest.mark.parametrize("strange", [-1, 105, 300])
def test_a_value_that_is_no_label_of_the_schema_is_refused(tmp_path: Path, strange: int) -> None:
    values = LABELS.astype(np.int16)
    values[0, 0, 0] = strange
    with pytest.raises(SetupError, match=f"has the values {strange}, which are no labels"):
        read_label_map(write(tmp_path / "map.nii", values), SCHEMA)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot read .*none\.nii"):
        read_label_map(tmp_path / "none.nii", SCHEMA)
