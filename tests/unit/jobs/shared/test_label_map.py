from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from jobs.shared.label_map import read_label_map
from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError
from segment_actor.grid.of_file import dicom_grid, label_image
from segment_actor.volume import Volume

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


def written(file: Path, schema: str, ids: list[int]) -> Path:
    """A label map of these ids that names them as the schema does."""
    labels = np.resize(np.array([0, *ids], np.uint8), (4, 5, 6))
    grid = dicom_grid(Volume(np.zeros((4, 5, 6), np.int16), LPS))
    names = {i: s.name for i, s in load_schema(schema).by_id.items()}
    nib.save(label_image(grid, labels, names), file)
    return file


def test_a_header_that_names_its_labels_as_another_schema_does_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "v2.nii.gz", "total_v2", [1, 7, 52])
    assert read_label_map(file, load_schema("total_v2")).labels.max() == 52
    said = (
        r"v2\.nii\.gz: its header says that label 7 is 'pancreas'.*paper104 is .*--schema total_v2"
    )
    with pytest.raises(SetupError, match=said):
        read_label_map(file, SCHEMA)


def test_a_name_that_cannot_be_shown_is_shown_escaped(tmp_path: Path) -> None:
    file = written(tmp_path / "damaged.nii", "paper104", [1])
    file.write_bytes(file.read_bytes().replace(b"[spleen]", b"[spl\x1b\xffn]"))
    with pytest.raises(SetupError, match=r"label 1 is 'spl\\x1b.n', which") as refusal:
        read_label_map(file, SCHEMA)
    assert str(refusal.value).isprintable()


def test_labels_that_mean_the_same_in_both_schemas_are_read(tmp_path: Path) -> None:
    file = written(tmp_path / "v2.nii.gz", "total_v2", [1, 2, 5])
    assert set(np.unique(read_label_map(file, SCHEMA).labels)) == {0, 1, 2, 5}


def test_a_fraction_is_refused_under_the_files_name(tmp_path: Path) -> None:
    file = write(tmp_path / "map.nii", LABELS + np.float32(0.25))
    with pytest.raises(SetupError, match=r"map\.nii has values that are no whole numbers"):
        read_label_map(file, SCHEMA)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot read .*none\.nii"):
        read_label_map(tmp_path / "none.nii", SCHEMA)
