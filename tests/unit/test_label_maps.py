from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from jobs.label_maps import write_label_map
from segment_actor.errors import SetupError

AFFINE = np.array([[0.8, 0, 0, -90], [0, 0.8, 0, -70], [0, 0, 2.0, 40], [0, 0, 0, 1.0]])


def test_a_label_map_lies_on_the_cts_grid_as_scipy_would_bring_it_there(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 105, (5, 6, 7)).astype(np.uint8)
    write_label_map(str(tmp_path / "maps"), "key", labels, (10, 12, 9), AFFINE)
    image = nib.Nifti1Image.from_filename(tmp_path / "maps" / "key.nii.gz")
    zoom = np.array((10, 12, 9)) / labels.shape
    expected = ndimage.zoom(labels, zoom, order=0, mode="nearest")
    np.testing.assert_array_equal(np.asarray(image.dataobj), expected)
    np.testing.assert_allclose(image.affine, AFFINE)


def test_a_folder_that_cannot_be_written_stops_the_job(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SetupError, match="Cannot write"):
        write_label_map(
            str(tmp_path / "file"), "key", np.zeros((4, 4, 4), np.uint8), (4, 4, 4), AFFINE
        )
