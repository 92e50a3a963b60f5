"""`ctcohort segment-one --dicom`: results for a PACS beside the masks."""

from __future__ import annotations

import gzip
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest
from click.testing import Result
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from segment_actor.anatomy import load_schema
from tests.support.ct_files import dicom_files, dicom_slices, made_hu, nifti, zipped

SCHEMA = load_schema("paper104")

Run = Callable[..., Result]


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """An oblique series, feet first, its files from the last image to the first."""
    folder = tmp_path / "series"
    folder.mkdir()
    slices = dicom_slices(made_hu((17, 15, 12)))
    axes = np.array([[-0.8, 0.6, 0], [0.6, 0.8, 0]])
    for k, one in enumerate(slices):
        one.FrameOfReferenceUID = "1.2.826.0.1.3680043.10.1234.3"
        one.ImageOrientationPatient = axes.ravel().tolist()
        one.ImagePositionPatient = [30, -20, 10 - 4 * k]
    for k, data in enumerate(reversed(dicom_files(slices))):
        (folder / f"{k}.dcm").write_bytes(data)
    return folder


def test_seg_and_sr_hold_the_masks_and_the_statistics(
    run: Run, series: Path, tmp_path: Path
) -> None:
    done = run("-i", series, "-o", tmp_path / "all.nii.gz", "--ml", "-s", "--dicom", "seg,sr")
    assert done.exit_code == 0, done.stderr
    image = nib.Nifti1Image.from_filename(tmp_path / "all.nii.gz")
    volume = hd.seg.segread(tmp_path / "seg.dcm").get_volume(combine_segments=True)
    ras = np.diag([-1, -1, 1, 1]) @ volume.affine
    voxels = np.indices(volume.shape).reshape(3, -1)
    index = np.linalg.inv(image.affine) @ ras @ np.vstack([voxels, np.ones(voxels.shape[1])])
    labels = np.asarray(image.dataobj)
    expected = labels[tuple(np.rint(index[:3]).astype(int))].reshape(volume.shape)
    np.testing.assert_array_equal(volume.array, expected)
    assert np.count_nonzero(labels) == np.count_nonzero(volume.array) > 0

    table = json.loads((tmp_path / "statistics.json").read_text())
    measured = {n for n, row in table.items() if row["volume_ml"] is not None}
    sr = hd.sr.Comprehensive3DSR.from_dataset(pydicom.dcmread(tmp_path / "sr.dcm"))
    content: Any = sr.content
    groups = content.get_volumetric_roi_measurement_groups()
    assert {group.tracking_identifier for group in groups} == measured
    for group in groups:
        row = table[group.tracking_identifier]
        exact = [m[0].MeasuredValueSequence[0].FloatingPointValue for m in group.get_measurements()]
        columns = ("volume_ml", "hu_mean", "hu_std", "hu_median")
        assert exact == [] if row["qc"] == "fail" else [row[column] for column in columns]


def test_results_that_name_the_patient_are_for_their_owner_alone(
    run: Run, series: Path, tmp_path: Path
) -> None:
    done = run("-i", series, "-o", tmp_path / "out", "--dicom", "seg,sr")
    assert done.exit_code == 0, done.stderr
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("out/*.dcm")}
    assert modes == {"seg.dcm": 0o600, "sr.dcm": 0o600}


def test_a_zip_gives_the_same_uids_as_its_folder(run: Run, series: Path, tmp_path: Path) -> None:
    archive = tmp_path / "ct.zip"
    archive.write_bytes(zipped({f.name: f.read_bytes() for f in series.iterdir()}))
    for source, out in ((series, "a"), (archive, "b")):
        assert run("-i", source, "-o", tmp_path / out, "--dicom", "seg").exit_code == 0
    one, other = (pydicom.dcmread(tmp_path / name / "seg.dcm") for name in "ab")
    assert one.SOPInstanceUID == other.SOPInstanceUID
    assert one.PixelData == other.PixelData
    assert not (tmp_path / "a" / "sr.dcm").exists()


@pytest.mark.parametrize(
    ("kind", "syntax"), [("labelmap", RLELossless), ("binary", ExplicitVRLittleEndian)]
)
def test_the_type_of_the_seg_is_chosen(
    run: Run, series: Path, tmp_path: Path, kind: str, syntax: str
) -> None:
    words = ("--dicom", "seg", "--seg-type", kind)
    assert run("-i", series, "-o", tmp_path / "out", *words).exit_code == 0
    seg = pydicom.dcmread(tmp_path / "out" / "seg.dcm")
    assert (seg.SegmentationType, seg.file_meta.TransferSyntaxUID) == (kind.upper(), syntax)
    assert str(seg.PatientName) == "Secret^Name"  # for the PACS that has the CT


def test_a_subset_is_all_that_is_in_the_results(run: Run, series: Path, tmp_path: Path) -> None:
    words = ("-rs", "rib_left_2", "--dicom", "seg,sr")
    assert run("-i", series, "-o", tmp_path / "out", *words).exit_code == 0
    numbers = [s.SegmentNumber for s in pydicom.dcmread(tmp_path / "out/seg.dcm").SegmentSequence]
    assert numbers == [0, SCHEMA.ids["rib_left_2"]]


def test_a_nifti_file_is_refused_with_the_reason(run: Run, tmp_path: Path) -> None:
    ct = tmp_path / "ct.nii.gz"
    ct.write_bytes(gzip.compress(nifti(made_hu((20, 18, 16)))))
    done = run("-i", ct, "-o", tmp_path / "out", "--dicom", "seg")
    assert done.exit_code == 2
    assert "--dicom needs a CT that is DICOM" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_kind_that_is_not_written_is_refused(run: Run, series: Path, tmp_path: Path) -> None:
    done = run("-i", series, "-o", tmp_path / "out", "--dicom", "seg,rtstruct")
    assert done.exit_code == 2
    assert "'rtstruct' is not one of seg, sr" in done.stderr


def test_results_refer_to_the_ct_that_was_meant_and_to_nothing_beside_it(
    run: Run, series: Path, tmp_path: Path
) -> None:
    scout = dicom_slices(made_hu((17, 15, 12)))[0]
    scout.ImageType, scout.SOPInstanceUID = ["ORIGINAL", "PRIMARY", "LOCALIZER"], "1.2.3.4"
    other = dicom_slices(made_hu((17, 15, 12)))
    for k, one in enumerate(other):
        one.SeriesInstanceUID, one.SeriesNumber = "1.2.3.5", 7
        one.SOPInstanceUID = f"1.2.3.5.{k}"
    (series / "scout.dcm").write_bytes(dicom_files([scout])[0])
    for k, data in enumerate(dicom_files(other)):
        (series / f"other_{k}.dcm").write_bytes(data)
    done = run("-i", series, "-o", tmp_path / "out", "--series", 7, "--dicom", "seg,sr")
    assert done.exit_code == 0, done.stderr
    for name in ("seg.dcm", "sr.dcm"):
        data = (tmp_path / "out" / name).read_bytes()
        assert b"1.2.3.4\0" not in data
        assert b"1.2.826.0.1.3680043.10.1234.1" not in data
        assert b"1.2.3.5.11" in data
