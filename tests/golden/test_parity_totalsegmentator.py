"""`--compat totalsegmentator-2.18` against its recipe, written down with nibabel and scipy.

The recipe is that of TotalSegmentator 2.18 (`nnunet.py`, `alignment.py`, `resampling.py`), which
is not installed here: load, canonical axes, zoom of order 1, cut off to int32; labels go back by a
zoom of order 0 and onto the file's axes.
"""

from __future__ import annotations

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from nibabel import orientations
from scipy import ndimage

from segment_actor.grid.geometry import from_canonical, to_canonical
from segment_actor.grid.resampling import labels_on_grid, to_model_grid
from segment_actor.reading.nifti import read_nifti
from segment_actor.volume import LabelArray, SpacingMm, Volume
from tests.support.real_ct import real_ct_folder

OBLIQUE = np.array(  # left-posterior, turned by 0.2 rad about the long axis
    [[-0.98, 0.199, 0, 120], [-0.199, -0.98, 0, 90], [0, 0, 1, -300], [0, 0, 0, 1]]
)
SLOPES = {"whole": (1.0, -1024.0), "half": (0.5, -1024.0), "as nibabel picks it": (1.00024, 3.7)}


def ct_file(spacing_mm: SpacingMm, slope: float = 1.0, intercept: float = 0.0) -> bytes:
    """Noise in a file of stored int16, whose header scales it."""
    stored = np.random.default_rng(0).integers(-900, 3000, (41, 37, 29)).astype(np.int16)
    affine = OBLIQUE @ np.diag([*spacing_mm, 1.0])
    image = nib.Nifti1Image(stored, affine)
    image.header.set_slope_inter(slope, intercept)
    image.header.set_data_dtype(np.int16)
    return bytes(image.to_bytes())


def upstream_input(image: nib.Nifti1Image, spacing_mm: float) -> npt.NDArray[np.float64]:
    """What upstream hands to nnU-Net: s01_0000.nii.gz."""
    ct = nib.as_closest_canonical(nib.Nifti1Image(image.get_fdata(), image.affine))
    have_mm, want_mm = np.array(ct.header.get_zooms()), np.array([spacing_mm] * 3)
    if np.array_equal(have_mm, want_mm):
        return np.asarray(ct.get_fdata())
    zoomed = ndimage.zoom(ct.get_fdata(), have_mm / want_mm, mode="nearest", order=1)
    return np.asarray(zoomed.astype(np.int32), dtype=np.float64)


def upstream_labels(labels: LabelArray, image: nib.Nifti1Image) -> LabelArray:
    """What upstream makes of nnU-Net's answer: the output file's voxels."""
    canonical = nib.as_closest_canonical(image)
    zoom = np.array(canonical.shape) / np.array(labels.shape)
    back = ndimage.zoom(labels.astype(np.float64), zoom, mode="nearest", order=0)
    way_back = orientations.ornt_transform(
        orientations.axcodes2ornt("RAS"), orientations.io_orientation(image.affine)
    )
    output = nib.Nifti1Image(back, canonical.affine).as_reoriented(way_back)
    np.testing.assert_allclose(output.affine, image.affine, atol=1e-6)
    return np.asarray(output.get_fdata(), dtype=np.uint8)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("model_mm", [1.5, 3.0, 6.0])
@pytest.mark.parametrize("spacing_mm", [(0.7, 0.8, 2.5), (0.45, 1.5, 0.9), (1.5, 1.5, 1.5)])
def test_networks_see_what_upstream_shows_them(
    spacing_mm: SpacingMm, model_mm: float, slope: str
) -> None:
    file = ct_file(spacing_mm, *SLOPES[slope])
    volume = to_canonical(read_nifti(file, exact=True))
    ours = to_model_grid(volume, (model_mm,) * 3, 1, truncate=True)
    expected = upstream_input(nib.Nifti1Image.from_bytes(file), model_mm)
    np.testing.assert_array_equal(ours, expected)


def test_a_ct_at_the_models_spacing_is_left_alone() -> None:
    volume = Volume(np.zeros((9, 9, 9), dtype=np.int16), np.diag([3.0, 3.0, 3.0, 1.0]))
    assert to_model_grid(volume, (3.0, 3.0, 3.0), 1, truncate=True) is volume.hu


def test_labels_come_back_where_upstream_puts_them() -> None:
    file = ct_file((0.7, 0.8, 2.5))
    volume = read_nifti(file)
    canonical = to_canonical(volume)
    model_shape = to_model_grid(canonical, (1.5,) * 3, 1, truncate=True).shape
    labels = np.random.default_rng(1).integers(0, 118, model_shape).astype(np.uint8)
    ours = from_canonical(labels_on_grid(labels, canonical.shape), volume.affine)
    np.testing.assert_array_equal(ours, upstream_labels(labels, nib.Nifti1Image.from_bytes(file)))


@pytest.mark.parametrize("model_mm", [1.5, 6.0])
def test_the_networks_see_the_same_of_a_real_ct(model_mm: float) -> None:
    file = real_ct_folder() / "example_ct.nii.gz"
    volume = to_canonical(read_nifti(file.read_bytes(), exact=True))
    ours = to_model_grid(volume, (model_mm,) * 3, 1, truncate=True)
    np.testing.assert_array_equal(
        ours, upstream_input(nib.Nifti1Image.from_filename(file), model_mm)
    )
