"""From the files of a CT to its SEG, as reading and writing do it together."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from segment_actor.anatomy import load_schema
from segment_actor.grid.geometry import to_canonical
from segment_actor.layers import layer_of_whole
from segment_actor.reading.dicom.volume import read_dicom
from segment_actor.reading.scan import Scan
from segment_actor.writing.dicom.header import identified
from segment_actor.writing.dicom.results import dicom_results
from segment_actor.writing.dicom.uids import Origin
from tests.support.ct_files import dicom_files, dicom_slices, made_hu
from tests.support.hospital.files import file_of
from tests.support.hospital.images import Visit, enhanced

SCHEMA = load_schema("paper104")
ORIGIN = Origin("series", "method", "0.2.0", datetime(2026, 1, 31, 12, 30))
DENSE, LIGHT = 1, 7
"""Labels of what is above and below 300 HU and 0 HU."""


def seg_of(files: Sequence[bytes]) -> tuple[Scan, hd.seg.Segmentation]:
    """The CT, and the SEG of its dense and its light voxels."""
    scan = read_dicom(files)
    canonical = to_canonical(scan.volume)
    labels = (DENSE * (canonical.hu > 300) + LIGHT * (canonical.hu < 0)).astype(np.uint8)
    layer = layer_of_whole("organs", labels, labels.shape, frozenset([DENSE, LIGHT]))
    headers = [pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True) for file in files]
    results = dicom_results([layer], scan.grid, SCHEMA, [], identified(headers), ORIGIN)
    return scan, hd.seg.segread(io.BytesIO(results["seg.dcm"]))


def assert_labels_are_of_their_voxels(scan: Scan, seg: hd.seg.Segmentation) -> None:
    volume = seg.get_volume(combine_segments=True)
    index = np.indices(volume.shape).reshape(3, -1)
    at_mm = volume.affine[:3, :3] @ index + volume.affine[:3, 3:]
    ras = np.diag([-1, -1, 1]) @ at_mm
    affine = scan.volume.affine
    place = np.linalg.solve(affine[:3, :3], ras - affine[:3, 3:])
    voxel = np.rint(place).astype(int)
    assert np.abs(place - voxel).max() < 1e-3
    hu = scan.volume.hu[tuple(voxel)].reshape(volume.shape)
    np.testing.assert_array_equal(volume.array, DENSE * (hu > 300) + LIGHT * (hu < 0))
    assert np.count_nonzero(volume.array == DENSE) == np.count_nonzero(scan.volume.hu > 300)


def preserved(seg: Dataset) -> set[str]:
    """What is said of all images that frames refer to."""
    return {
        source.SpatialLocationsPreserved
        for groups in seg.PerFrameFunctionalGroupsSequence
        for source in groups.DerivationImageSequence[0].SourceImageSequence
    }


def test_classic_images() -> None:
    scan, seg = seg_of(dicom_files(dicom_slices(made_hu((9, 7, 6))))[::-1])
    assert_labels_are_of_their_voxels(scan, seg)
    assert preserved(seg) == {"YES"}


@pytest.mark.parametrize("shift_mm", [0.8, -1.3])
def test_a_tilted_gantry(shift_mm: float) -> None:
    slices = dicom_slices(made_hu((9, 7, 6)))
    for k, one in enumerate(slices):
        x, y, z = one.ImagePositionPatient
        one.ImagePositionPatient = [x, y + k * shift_mm, z]
    scan, seg = seg_of(dicom_files(slices))
    assert seg.Rows > slices[0].Rows
    assert_labels_are_of_their_voxels(scan, seg)
    assert preserved(seg) == {"NO"}


def test_an_enhanced_ct() -> None:
    (image,) = enhanced(Visit(), "Enhanced").images
    scan, seg = seg_of([file_of(image)])
    assert_labels_are_of_their_voxels(scan, seg)
    assert preserved(seg) == {"YES"}
    numbers = [
        groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        for groups in seg.PerFrameFunctionalGroupsSequence
    ]
    assert sorted(numbers) == list(range(1, image.NumberOfFrames + 1))
