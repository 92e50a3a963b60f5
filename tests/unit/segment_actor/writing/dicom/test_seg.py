"""A label map as DICOM SEG, read back by others: highdicom, dcmqi, and the standard's own words."""

from __future__ import annotations

import copy
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import highdicom as hd
import nibabel as nib
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from segment_actor.anatomy import load_schema
from segment_actor.errors import FailureCode, SeriesError
from segment_actor.volume import LabelArray
from segment_actor.writing.dicom.header import Sources, identified
from segment_actor.writing.dicom.kinds import SegType
from segment_actor.writing.dicom.results import dicom_results
from segment_actor.writing.dicom.uids import Origin
from tests.support.dicom_series import LabelledSeries, enhanced, labelled_series

SCHEMA = load_schema("total_v2")
ORIGIN = Origin("series", "method", "0.2.0", datetime(2026, 1, 31, 12, 30))

ORIENTATIONS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "prone": (-1, 0, 0, 0, -1, 0),
    "feet first": (-1, 0, 0, 0, 1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "oblique": (0.8, 0.6, 0, -0.6, 0.8, 0),
}


def drawing(shape: tuple[int, int, int] = (6, 9, 11), seed: int = 0) -> LabelArray:
    """(planes, rows, columns): no symmetry, labels with gaps, an empty plane, a full corner."""
    drawn = np.random.default_rng(seed).choice([0, 0, 1, 2, 5, 24, 117], shape).astype(np.uint8)
    drawn[1] = 0
    drawn[0, 0, 0], drawn[-1, -1, -1] = 2, 117
    return drawn


def written(
    series: LabelledSeries, kind: SegType = SegType.LABELMAP, sources: Sources | None = None
) -> bytes:
    known = sources or identified(series.headers)
    ids = [structure.id for structure in SCHEMA.structures]
    files = dicom_results([series.layer(ids)], series.grid, SCHEMA, [], known, ORIGIN, kind=kind)
    assert list(files) == ["seg.dcm"]
    return files["seg.dcm"]


def with_labels(seg: hd.seg.Segmentation, array: npt.NDArray[Any]) -> LabelArray:
    """Segment numbers as ids of the schema."""
    table = np.zeros(256, np.uint8)
    for segment in seg.SegmentSequence:
        if "TrackingID" in segment:
            table[segment.SegmentNumber] = SCHEMA.ids[str(segment.TrackingID)]
    labels: LabelArray = table[array]
    return labels


def assert_equal_in_patient(series: LabelledSeries, seg: bytes) -> None:
    """All that was drawn is in the file, at its place, and nothing else."""
    opened = hd.seg.segread(io.BytesIO(seg))
    volume = opened.get_volume(combine_segments=True)
    labels = with_labels(opened, volume.array)
    np.testing.assert_array_equal(labels, series.drawn_at(labels.shape, volume.affine))
    assert np.count_nonzero(volume.array) == np.count_nonzero(series.drawn)


@pytest.mark.parametrize("kind", list(SegType))
@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_labels_lie_in_the_patient_where_they_were_drawn(
    orientation: Sequence[float], kind: SegType
) -> None:
    series = labelled_series(drawing(), orientation, (0.7, 0.9, 1.3))
    assert_equal_in_patient(series, written(series, kind))


@given(
    turn=st.lists(st.floats(-180, 180), min_size=3, max_size=3),
    shape=st.tuples(*[st.integers(4, 9)] * 3),
    spacing_mm=st.tuples(*[st.floats(0.3, 8)] * 3),
    origin_mm=st.lists(st.floats(-2000, 2000), min_size=3, max_size=3),
    kind=st.sampled_from(SegType),
    data=st.data(),
)
@settings(max_examples=25, deadline=None)
def test_any_geometry_in_any_order_of_files_comes_back(
    turn: list[float],
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    origin_mm: list[float],
    kind: SegType,
    data: st.DataObject,
) -> None:
    orientation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()[:, :2].T.ravel()
    order = data.draw(st.permutations(range(shape[0])))
    series = labelled_series(
        drawing(shape), orientation.tolist(), spacing_mm, origin_mm=origin_mm, order=order
    )
    assert_equal_in_patient(series, written(series, kind))


@pytest.mark.parametrize("kind", list(SegType))
def test_each_frame_refers_to_the_image_that_it_was_drawn_on(kind: SegType) -> None:
    series = labelled_series(drawing(), ORIENTATIONS["oblique"], order=[3, 0, 5, 1, 4, 2])
    seg = hd.seg.segread(io.BytesIO(written(series, kind)))
    drawn = {
        header.SOPInstanceUID: (header, image)
        for header, image in zip(series.headers, series.drawn, strict=True)
    }
    seen = set()
    for frame, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        header, image = drawn[source.ReferencedSOPInstanceUID]
        assert source.SpatialLocationsPreserved == "YES"
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        np.testing.assert_allclose(position, header.ImagePositionPatient, atol=1e-9)
        if kind is SegType.BINARY:
            number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            image = image == with_labels(seg, np.array([number]))[0]
        np.testing.assert_array_equal(frame, image)
        seen.add(header.SOPInstanceUID)
    assert len(seen) == 5  # of 6 planes one is empty
    assert seg.FrameOfReferenceUID == series.headers[0].FrameOfReferenceUID
    (listed,) = seg.ReferencedSeriesSequence
    assert len(listed.ReferencedInstanceSequence) == 6


def test_an_enhanced_ct_is_referred_to_frame_by_frame() -> None:
    series = labelled_series(drawing(), ORIENTATIONS["oblique"], order=[3, 0, 5, 1, 4, 2])
    source = enhanced(series)
    data = written(series, sources=identified([source]))
    assert_equal_in_patient(series, data)
    seg = hd.seg.segread(io.BytesIO(data))
    for frame, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        (item,) = groups.DerivationImageSequence[0].SourceImageSequence
        assert item.ReferencedSOPInstanceUID == source.SOPInstanceUID
        np.testing.assert_array_equal(frame, series.drawn[item.ReferencedFrameNumber - 1])


def test_an_enhanced_ct_in_several_files_is_named_whole() -> None:
    series = labelled_series(drawing(), order=[3, 0, 5, 1, 4, 2])
    whole = enhanced(series)
    parts = [copy.deepcopy(whole), copy.deepcopy(whole)]
    for n, part in enumerate(parts):
        part.SOPInstanceUID = f"{whole.SOPInstanceUID}.{n}"
        frames = whole.PerFrameFunctionalGroupsSequence[3 * n : 3 * n + 3]
        part.PerFrameFunctionalGroupsSequence, part.NumberOfFrames = frames, 3
    data = written(series, sources=identified(parts))
    assert_equal_in_patient(series, data)
    seg = pydicom.dcmread(io.BytesIO(data))
    named = {item.ReferencedSOPInstanceUID for item in seg.SourceImageSequence}
    assert named == {part.SOPInstanceUID for part in parts}


def test_copies_of_an_image_are_named_once() -> None:
    series = labelled_series(drawing())
    known = identified([*series.headers, *series.headers[:2]])
    assert written(series, sources=known) == written(series)


def test_images_beside_those_that_were_segmented_are_refused() -> None:
    series = labelled_series(drawing())
    other = copy.deepcopy(series.headers[0])
    other.SOPInstanceUID = "1.2.3"
    with pytest.raises(SeriesError) as caught:
        written(series, sources=identified([*series.headers, other]))
    assert caught.value.code is FailureCode.SEVERAL_SERIES


def test_images_of_a_tilted_gantry_are_named_as_not_in_place() -> None:
    """Labels of a tilted CT lie on the grid that reading has straightened."""
    series = labelled_series(drawing())
    for header in series.headers:
        x, y, z = header.ImagePositionPatient
        header.ImagePositionPatient = [x, float(y) + 0.27 * (float(z) - 10), z]
    data = written(series)
    assert_equal_in_patient(series, data)
    for groups in pydicom.dcmread(io.BytesIO(data)).PerFrameFunctionalGroupsSequence:
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        assert source.SpatialLocationsPreserved == "NO"


def test_positions_rounded_by_the_scanner_are_in_place_on_a_regular_grid() -> None:
    series = labelled_series(drawing(), spacing_mm=(0.7, 0.7, 0.625))
    for header in series.headers:
        header.ImagePositionPatient = [round(float(mm), 1) for mm in header.ImagePositionPatient]
        header.ImageOrientationPatient = [1, 0, 0, 0, 0.9999, 0.0001]
    data = written(series)
    assert_equal_in_patient(series, data)
    seg = pydicom.dcmread(io.BytesIO(data))
    for groups in seg.PerFrameFunctionalGroupsSequence:
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        assert source.SpatialLocationsPreserved == "YES"


def test_segment_numbers_are_labels_and_what_was_not_found_is_no_segment() -> None:
    series = labelled_series(drawing())
    seg = hd.seg.segread(io.BytesIO(written(series)))
    names = {segment.SegmentNumber: segment.SegmentLabel for segment in seg.SegmentSequence}
    assert names.pop(0) == "Background"
    assert names == {
        label: SCHEMA.by_id[label].name.replace("_", " ") for label in (1, 2, 5, 24, 117)
    }


def test_binary_counts_what_was_found_without_gaps() -> None:
    series = labelled_series(drawing())
    seg = hd.seg.segread(io.BytesIO(written(series, SegType.BINARY)))
    numbers = {segment.TrackingID: segment.SegmentNumber for segment in seg.SegmentSequence}
    assert numbers == {SCHEMA.by_id[id_].name: n for n, id_ in enumerate((1, 2, 5, 24, 117), 1)}


def test_nothing_found_is_no_file() -> None:
    series = labelled_series(np.zeros((6, 9, 11), np.uint8))
    layer, known = series.layer([1, 2]), identified(series.headers)
    assert dicom_results([layer], series.grid, SCHEMA, [], known, ORIGIN) == {}


def test_structures_that_overlap_are_in_files_of_their_own() -> None:
    below = labelled_series(np.full((6, 9, 11), 1, np.uint8))
    above = labelled_series(np.where(drawing() > 2, 2, 1).astype(np.uint8))
    layers = [below.layer([1, 2], "organs"), above.layer([2], "vessels")]
    known = identified(below.headers)
    files = dicom_results(layers, below.grid, SCHEMA, [], known, ORIGIN)
    assert list(files) == ["seg.dcm", "seg_vessels.dcm"]
    first, second = (hd.seg.segread(io.BytesIO(data)) for data in files.values())
    assert (first.pixel_array == 1).all()
    assert np.count_nonzero(second.pixel_array == 2) == np.count_nonzero(drawing() > 2)
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID


def test_the_maker_is_an_algorithm_with_a_version_that_is_ai() -> None:
    segment = pydicom.dcmread(io.BytesIO(written(labelled_series(drawing())))).SegmentSequence[1]
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("ctcohort", "0.2.0")
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodeMeaning == "Artificial Intelligence"


@pytest.mark.parametrize("kind", list(SegType))
@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_dcmqi_reads_the_same_labels_at_the_same_place(
    orientation: Sequence[float], kind: SegType, tmp_path: Path
) -> None:
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which("segimage2itkimage", path=beside)
    if program is None:
        pytest.skip("segimage2itkimage is not installed (pip install dcmqi)")
    series = labelled_series(drawing(), orientation, (0.7, 0.9, 1.3), order=[5, 4, 3, 2, 1, 0])
    data = written(series, kind)
    (tmp_path / "seg.dcm").write_bytes(data)
    words = ["--inputDICOM", "seg.dcm", "--outputDirectory", ".", "-t", "nii", "--mergeSegments"]
    subprocess.run([program, *words], cwd=tmp_path, check=True, capture_output=True)
    image = nib.Nifti1Image.from_filename(tmp_path / "1.nii.gz")
    array = with_labels(hd.seg.segread(io.BytesIO(data)), np.asarray(image.dataobj, np.uint8))
    lps = np.diag([-1, -1, 1, 1]) @ image.affine
    np.testing.assert_array_equal(array, series.drawn_at(array.shape, lps))
    assert np.count_nonzero(array) == np.count_nonzero(series.drawn)


def test_dciodvfy_finds_no_error_in_a_binary_seg(tmp_path: Path) -> None:
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed (apt-get install dicom3tools)")
    series = labelled_series(drawing())
    (tmp_path / "seg.dcm").write_bytes(written(series, SegType.BINARY))
    said = subprocess.run([program, tmp_path / "seg.dcm"], capture_output=True, text=True).stderr  # noqa: PLW1510  # its code is not its verdict
    assert "Segmentation" in said
    assert "Error" not in said
