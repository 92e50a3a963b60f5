"""A tilted gantry's slices made straight, against bodies that are known at every point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from scipy import ndimage

from segment_actor.anatomy import load_schema
from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import to_canonical
from segment_actor.phantom.body import build_body
from segment_actor.phantom.patient import draw_patient
from segment_actor.phantom.render import paint_solids
from segment_actor.reading.dicom.volume import read_dicom
from segment_actor.volume import Affine, Shape, Volume
from stats.label_map.field_of_view import find_field_of_view
from tests.support.ct_files import dicom, dicom_files, dicom_slices, made_hu

Numbers = npt.NDArray[np.float64]
Body = Callable[[Affine, Shape], Numbers]
"""HU on a grid of LPS millimetres."""

PATIENT = build_body(draw_patient(3), load_schema("paper104"))

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def tilted_affine(
    degrees: float, spacing_mm: tuple[float, float, float], shape: Shape, table_mm: Numbers
) -> Affine:
    """Of the array [column, row, slice]: rows turned about x, the table still moving along z."""
    angle = np.radians(degrees)
    affine = np.eye(4)
    affine[:3, 0] = [spacing_mm[0], 0, 0]
    affine[:3, 1] = spacing_mm[1] * np.array([0, np.cos(angle), -np.sin(angle)])
    affine[:3, 2] = spacing_mm[2] * table_mm
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine


def scanned(
    body: Body,
    degrees: float,
    shape: Shape,
    spacing_mm: tuple[float, float, float] = (1, 1, 2),
    table_mm: Numbers | None = None,
) -> list[Dataset]:
    """The slices of a body on a tilted gantry, centred on the origin."""
    along_z = np.array([0.0, 0, 1])
    affine = tilted_affine(
        degrees, spacing_mm, shape, along_z if table_mm is None else table_mm / 1.0
    )
    slices = dicom_slices(np.rint(body(affine, shape)).astype(np.int16), spacing_mm)
    for k, one in enumerate(slices):
        one.ImageOrientationPatient = [*(affine[:3, :2] / spacing_mm[:2]).T.ravel().round(6)]
        one.ImagePositionPatient = [*(affine[:3, 3] + k * affine[:3, 2]).round(6)]
    return slices


def points_mm(affine: Affine, shape: Shape) -> Numbers:
    """(3, I, J, K) LPS."""
    index = np.indices(shape, float).reshape(3, -1)
    points: Numbers = (affine[:3, :3] @ index + affine[:3, 3:]).reshape(3, *shape)
    return points


def ball(affine: Affine, shape: Shape, radius_mm: float = 18.0) -> Numbers:
    """60 HU in air, its edge 6 mm wide."""
    centre_mm = np.reshape([0.31, 0.17, 0.43], (3, 1, 1, 1))
    away_mm = np.linalg.norm(points_mm(affine, shape) - centre_mm, axis=0) - radius_mm
    hu: Numbers = -1000 + 1060 / (1 + np.exp(away_mm / 1.5))
    return hu


def volume_ml(volume: Volume, above_hu: float) -> float:
    return float(np.count_nonzero(volume.hu > above_hu)) * volume.voxel_ml


@settings(max_examples=10)
@given(st.floats(-30, 30).filter(lambda degrees: abs(degrees) > 1))
def test_every_voxel_shows_what_lies_at_its_place(degrees: float) -> None:
    scan = read_dicom(dicom_files(scanned(ball, degrees, (50, 60, 24))))
    shape = scan.volume.shape
    expected = ball(LPS @ scan.volume.affine, shape)
    covered = scan.volume.hu > -1024
    assert 0.5 < covered.mean() < 1
    assert (
        np.abs(scan.volume.hu - expected)[covered].max() < 6.5
    )  # 45 / 8 HU for the bend of its edge
    assert scan.facts.tilt_corrected_deg == pytest.approx(abs(degrees), abs=0.01)
    axes = scan.volume.affine[:3, :3] / scan.volume.spacing_mm
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-5)


@pytest.mark.parametrize("degrees", [-22.0, 4.5, 15.0, 30.0])
def test_a_ball_has_its_volume(degrees: float) -> None:
    volume = read_dicom(dicom_files(scanned(ball, degrees, (50, 60, 24)))).volume
    straight = read_dicom(dicom_files(scanned(ball, 0.0, (50, 60, 24)))).volume
    assert volume_ml(straight, -470) == pytest.approx(4 / 3 * np.pi * 1.8**3, rel=0.005)
    assert volume_ml(volume, -470) == pytest.approx(volume_ml(straight, -470), rel=0.005)


@pytest.mark.parametrize("name", ["liver", "aorta", "lung_lower_lobe_left", "spleen"])
def test_an_organ_has_the_volume_of_the_same_patient_without_tilt(name: str) -> None:
    schema = load_schema("paper104")
    label = next(one.id for one in schema.structures if one.name == name)
    to_body = LPS.copy()
    to_body[2, 3] = 230.0  # the middle of the trunk, above the hip joints

    def organ(affine: Affine, shape: Shape) -> Numbers:
        regions, _ = paint_solids(PATIENT, shape, to_body @ affine)
        return np.where(regions == label, 60.0, -1000.0)

    grid = (140, 110, 90), (2.5, 2.5, 4.0)
    tilted = read_dicom(dicom_files(scanned(organ, 20.0, *grid))).volume
    truth = np.count_nonzero(organ(LPS @ tilted.affine, tilted.shape) > 0)
    assert truth > 1000
    assert np.count_nonzero(tilted.hu > -470) == pytest.approx(truth, rel=0.005)


def test_dcm2niix_makes_the_same_straight_volume(tmp_path: Path) -> None:
    dcm2niix = pytest.importorskip("dcm2niix", reason="dcm2niix is not installed")
    slices = scanned(ball, 15.0, (50, 60, 24))
    for k, one in enumerate(slices):
        one.GantryDetectorTilt, one.InstanceNumber = "15", k + 1
        one.PatientPosition, one.PixelRepresentation = "HFS", 1  # of others dcm2niix undoes none
        (tmp_path / f"{k}.dcm").write_bytes(dicom(one))
    dcm2niix.main(["-f", "ct", "-o", str(tmp_path), str(tmp_path)], capture_output=True)
    theirs: Any = nib.load(tmp_path / "ct_Tilt_1.nii")
    scan = read_dicom(dicom_files(slices))
    assert theirs.shape == scan.grid.shape
    assert np.allclose(theirs.affine[:3, :3], scan.grid.affine[:3, :3], atol=1e-5)
    # their first row lies a tenth of a row from ours: they round where they begin
    columns, rows, numbers = np.linalg.solve(theirs.affine, scan.grid.affine[:, 3])[:3]
    assert (columns, numbers) == pytest.approx((0, 0), abs=1e-5)
    assert abs(rows) < 0.1
    at_ours = ndimage.shift(theirs.get_fdata(), (0, -rows, 0), order=1, mode="nearest")
    ours = np.maximum(scan.volume.hu[:, ::-1], -1000)  # what they fill with is the lowest value
    assert np.abs(at_ours - ours).max() < 7  # 106 HU a voxel at the ball's edge


def test_a_tilt_that_the_header_denies_is_refused() -> None:
    slices = scanned(ball, 15.0, (50, 60, 24))
    for one in slices:
        one.GantryDetectorTilt = "0"
    with pytest.raises(SeriesError, match=r"by 15\.0 degrees, by the header .* by 0\.0") as error:
        read_dicom(dicom_files(slices))
    assert error.value.code is FailureCode.BAD_AFFINE


@pytest.mark.parametrize("table_mm", [[0.3, 0, 1], [0, 2, 1], [0.01, 0.3, 1]])
def test_a_shift_that_no_gantry_makes_is_refused(table_mm: list[float]) -> None:
    slices = scanned(ball, 0.0, (50, 60, 24), table_mm=np.array(table_mm))
    with pytest.raises(SeriesError, match="not as by the tilt of a gantry") as error:
        read_dicom(dicom_files(slices))
    assert error.value.code is FailureCode.BAD_AFFINE


def test_slices_that_wander_are_refused() -> None:
    slices = dicom_slices(made_hu())
    for k, one in enumerate(slices):
        one.ImagePositionPatient = [-100, -50 + 0.5 * (k % 2), 10 + 4 * k]
    with pytest.raises(SeriesError, match="shifted against each other"):
        read_dicom(dicom_files(slices))


def test_nothing_is_cut_off_and_what_no_slice_covers_is_darker_than_air() -> None:
    hu = np.full((6, 8, 10), -1000, np.int16)
    hu[:, [0, -1]] = 500
    slices = dicom_slices(hu, (2, 3, 4))
    for k, one in enumerate(slices):
        one.ImagePositionPatient = [0, -1.1 * k, 4 * k]
    found = read_dicom(dicom_files(slices)).volume
    assert found.shape == (6, 8 + 4, 10)  # 9 times 1.1 mm, in rows of 3 mm
    covered = found.hu > -1024
    assert (covered.sum(axis=1) == 8).all()
    for k in range(10):
        ends = np.flatnonzero(covered[0, :, k])[[0, -1]]
        assert (found.hu[:, ends, k] >= -250).all()  # the bright rows, half of them or more


def test_measuring_sees_where_the_slices_end_and_the_circle_of_the_scanner() -> None:
    x, y, _ = np.ogrid[:60, :60, :16]
    circle = np.broadcast_to(np.hypot(x - 29.5, y - 29.5) > 28, (60, 60, 16))
    hu = np.random.default_rng(0).integers(-80, 80, circle.shape).astype(np.int16)
    slices = dicom_slices(hu, (2, 2, 4))
    for k, one in enumerate(slices):
        stored = np.where(circle[:, :, k], -2000, hu[:, :, k].astype(int) + 1024)
        one.PixelRepresentation, one.PixelData = 1, stored.T.astype("<i2").tobytes()
        one.add_new("PixelPaddingValue", "SS", -2000)
        one.ImagePositionPatient = [0, k * 4 * np.tan(np.radians(15)).round(6), 4 * k]
    volume = to_canonical(read_dicom(dicom_files(slices)).volume)
    found = find_field_of_view(volume.hu, volume.spacing_mm)
    lines = np.arange(volume.shape[found.order[2]])
    inside = (lines >= found.first[..., None]) & (lines < found.stop[..., None])
    assert inside.sum() == pytest.approx(np.count_nonzero(~circle), rel=0.01)
    dark = volume.hu.transpose(found.order)[inside]
    assert np.count_nonzero(dark <= -1024) < 0.001 * dark.size  # mixed of padding and tissue
    assert dark.min() > -1100
