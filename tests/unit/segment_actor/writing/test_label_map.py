"""From the models' grid in RAS to the axes of a file, in all 48 ways a file may lie."""

from __future__ import annotations

import gzip
import itertools

import nibabel as nib
import numpy as np
import pytest
from nibabel import orientations
from scipy import ndimage

from segment_actor.volume import Affine, LabelArray, Shape
from segment_actor.writing.gzip_parts import gzip_member
from segment_actor.writing.label_map import StoredLabels, store_labels

ORIENTATIONS = [
    "".join(code[sign] for code, sign in zip(codes, signs, strict=True))
    for codes in itertools.permutations(("LR", "PA", "IS"))
    for signs in itertools.product((0, 1), repeat=3)
]
RAS_SHAPE = (9, 8, 11)  # of the CT; the model's grid is coarser along two axes, finer along one
LABELS = np.random.default_rng(0).integers(0, 4, (5, 10, 6)).astype(np.uint8)


def in_ras() -> LabelArray:
    """scipy's answer, on the CT's grid."""
    zoom = np.array(RAS_SHAPE) / LABELS.shape
    labels: LabelArray = ndimage.zoom(LABELS, zoom, order=0, mode="nearest")
    return labels


def stored(codes: str) -> tuple[StoredLabels, Affine]:
    """The label map for a CT of these axes, tilted by 10 degrees, and its affine."""
    turn = orientations.axcodes2ornt(codes)
    cosine, sine = np.cos(np.radians(10)), np.sin(np.radians(10))
    tilt = np.array([[cosine, -sine, 0, 5], [sine, cosine, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]])
    to_file = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), turn)
    affine = tilt @ np.diag([2.0, 3.0, 1.5, 1.0]) @ orientations.inv_ornt_aff(to_file, RAS_SHAPE)
    i, j, k = (RAS_SHAPE[int(axis)] for axis in turn[:, 0])
    return store_labels(LABELS, (i, j, k), affine), affine


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_labels_lie_on_the_files_axes_where_they_lie_in_the_patient(codes: str) -> None:
    labels, affine = stored(codes)
    assert "".join(nib.aff2axcodes(affine)) == codes
    canonical = nib.as_closest_canonical(nib.Nifti1Image(labels.whole(), affine))
    np.testing.assert_array_equal(np.asarray(canonical.dataobj), in_ras())


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SLA", "PIR"])
def test_files_hold_the_same_voxels_as_the_array(codes: str) -> None:
    labels, _ = stored(codes)
    whole = labels.whole()
    assert gzip.decompress(b"".join(gzip_member(labels.parts(2)))) == whole.tobytes("F")
    for label in range(1, 6):  # 4 and 5 do not occur
        mask = gzip.decompress(b"".join(gzip_member(labels.mask_parts(label))))
        assert mask == (whole == label).astype(np.uint8).tobytes("F")


def test_a_structure_between_two_voxels_of_the_file_leaves_an_empty_mask() -> None:
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[1, 1, 1] = 7
    shape: Shape = (3, 3, 3)  # of voxels 0, 4 and 8
    mask = gzip.decompress(
        b"".join(gzip_member(store_labels(labels, shape, np.eye(4)).mask_parts(7)))
    )
    assert mask == bytes(27)
