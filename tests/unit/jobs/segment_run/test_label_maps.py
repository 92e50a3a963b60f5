from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from jobs.segment_run.lane.label_maps import write_label_maps
from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError
from segment_actor.grid.of_file import StoredGrid, nifti_grid
from segment_actor.layers import layer_of_whole
from segment_actor.volume import Volume

LPS = np.array([[-0.8, 0, 0, 90], [0, -0.8, 0, 70], [0, 0, 2.0, 40], [0, 0, 0, 1.0]])
LABELS = np.random.default_rng(0).integers(0, 105, (5, 6, 7)).astype(np.uint8)
LAYER = layer_of_whole("all", LABELS, (10, 12, 9), frozenset(range(1, 105)))
SCHEMA = load_schema("paper104")


def stored() -> StoredGrid:
    image = nib.Nifti1Image(np.zeros((10, 12, 9), np.int16), LPS)
    image.header["descrip"] = b"Mrs. Secret"
    return nifti_grid(Volume(np.zeros((10, 12, 9), np.int16), LPS), image.header)


def test_a_label_map_lies_on_the_cts_axes_as_scipy_would_bring_it_there(tmp_path: Path) -> None:
    write_label_maps(str(tmp_path / "maps"), "key", [LAYER], stored(), SCHEMA)
    image = nib.Nifti1Image.from_filename(tmp_path / "maps" / "key.nii.gz")
    zoom = np.array((10, 12, 9)) / LABELS.shape
    in_ras = ndimage.zoom(LABELS, zoom, order=0, mode="nearest")
    np.testing.assert_array_equal(np.asarray(image.dataobj), in_ras[::-1, ::-1])
    np.testing.assert_allclose(image.affine, LPS)


def test_a_label_map_names_its_structures_and_nothing_else(tmp_path: Path) -> None:
    write_label_maps(str(tmp_path), "key", [LAYER], stored(), SCHEMA)
    header = nib.Nifti1Image.from_filename(tmp_path / "key.nii.gz").header
    assert b"<![CDATA[kidney_left]]>" in header.extensions[0].get_content()
    assert header["descrip"].item() == b""


def test_a_folder_that_cannot_be_written_stops_the_job(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SetupError, match="Cannot write"):
        write_label_maps(str(tmp_path / "file"), "key", [LAYER], stored(), SCHEMA)


def test_each_further_layer_has_a_file_of_its_own(tmp_path: Path) -> None:
    """A vessel of a second grid takes no voxel from the organ around it."""
    vessels = layer_of_whole(
        "vessels", np.full((3, 3, 3), 7, np.uint8), (10, 12, 9), frozenset({7})
    )
    write_label_maps(str(tmp_path), "key", [LAYER, vessels], stored(), SCHEMA)
    assert {file.name for file in tmp_path.iterdir()} == {"key.nii.gz", "key.vessels.nii.gz"}
    second = nib.Nifti1Image.from_filename(tmp_path / "key.vessels.nii.gz")
    assert np.unique(np.asarray(second.dataobj)).tolist() == [7]
