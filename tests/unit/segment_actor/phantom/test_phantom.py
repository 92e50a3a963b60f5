"""The phantom: a body with all structures where they belong, that ages in known directions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from jobs.phantom import write_phantoms
from segment_actor.anatomy import load_schema
from segment_actor.grid.geometry import to_canonical
from segment_actor.phantom.contrast import Phase
from segment_actor.phantom.patient import Patient, draw_patient, in_phase
from segment_actor.phantom.scanner import (
    Grid,
    Protocol,
    draw_protocol,
    scan_grid,
    scan_phantom,
    truth_on_grid,
)
from segment_actor.reading.nifti import read_nifti
from segment_actor.volume import LabelArray, Volume

SCHEMA = load_schema("paper104")
WHOLE = Protocol("head_to_knee", (5.0, 5.0, 5.0), (0.0, 0.0, 0.0), 10.0, "RAS", seed=1)
HEALTHY = replace(draw_patient(1), age_years=40.0, missing=frozenset(), hip_implant=None)


@pytest.fixture(scope="module")
def young() -> tuple[Volume, LabelArray]:
    return scan_phantom(HEALTHY, WHOLE, SCHEMA)


@pytest.fixture(scope="module")
def old() -> tuple[Volume, LabelArray]:
    return scan_phantom(replace(HEALTHY, age_years=90.0), WHOLE, SCHEMA)


def _centre_mm(labels: LabelArray, name: str) -> np.ndarray:
    centre: np.ndarray = np.argwhere(labels == SCHEMA.ids[name]).mean(axis=0) * 5.0
    return centre


def test_a_whole_body_has_all_104_structures(young: tuple[Volume, LabelArray]) -> None:
    assert set(np.unique(young[1])) == set(range(105))


def test_no_structure_is_smaller_than_the_papers_cut_off(young: tuple[Volume, LabelArray]) -> None:
    volume_ml = np.bincount(young[1].ravel(), minlength=105) * young[0].voxel_ml
    too_small = [s.name for s in SCHEMA.structures if volume_ml[s.id] < (s.lower_volume_ml or 0)]
    assert too_small == []


def test_right_structures_lie_to_the_right_of_left_ones(young: tuple[Volume, LabelArray]) -> None:
    names = [s.name for s in SCHEMA.structures if s.side == "right" and "lobe" not in s.name]
    for name in names:
        right = _centre_mm(young[1], name)[0]
        assert right > _centre_mm(young[1], name.replace("right", "left"))[0], name


@pytest.mark.parametrize("chain", ["vertebrae", "rib_left", "rib_right"])
def test_vertebrae_and_ribs_follow_each_other_downwards(
    young: tuple[Volume, LabelArray], chain: str
) -> None:
    names = [s for s in SCHEMA.structures if s.name.startswith(chain)]
    ordered = sorted(names, key=lambda s: s.sequence or 0)
    heights = [_centre_mm(young[1], s.name)[2] for s in ordered]
    assert heights == sorted(heights, reverse=True)


@pytest.mark.parametrize(
    ("structure", "grows"),
    [("aorta", True), ("iliac_artery_left", True), ("kidney_left", False), ("pancreas", False),
     ("iliopsoas_right", False)],
)  # fmt: skip
def test_volumes_change_with_age_as_in_the_paper(
    young: tuple[Volume, LabelArray], old: tuple[Volume, LabelArray], structure: str, *, grows: bool
) -> None:
    label = SCHEMA.ids[structure]
    assert bool((old[1] == label).sum() > (young[1] == label).sum()) is grows


@pytest.mark.parametrize(
    "structure",
    ["vertebrae_L4", "hip_left", "clavicula_right", "autochthon_left", "gluteus_maximus_left",
     "gluteus_medius_left", "gluteus_minimus_left", "iliopsoas_left"],
)  # fmt: skip
def test_bone_and_muscle_lose_density_with_age_as_in_the_paper(
    young: tuple[Volume, LabelArray], old: tuple[Volume, LabelArray], structure: str
) -> None:
    label = SCHEMA.ids[structure]
    assert old[0].hu[old[1] == label].mean() < young[0].hu[young[1] == label].mean() - 5


def test_a_removed_organ_is_not_in_the_truth() -> None:
    patient = replace(HEALTHY, missing=frozenset({"spleen", "kidney_left"}))
    found = np.unique(truth_on_grid(patient, WHOLE, SCHEMA, scan_grid(patient, WHOLE)))
    assert {SCHEMA.ids["spleen"], SCHEMA.ids["kidney_left"]}.isdisjoint(found.tolist())


def test_a_metal_hip_has_the_hu_of_metal_and_no_label() -> None:
    volume, labels = scan_phantom(replace(HEALTHY, hip_implant="left"), WHOLE, SCHEMA)
    metal = volume.hu > 2000
    assert metal.sum() > 50
    assert (labels[metal] == 0).mean() > 0.8


@pytest.mark.parametrize("phase", ["native", "arterial", "portal_venous", "late"])
def test_blood_and_organs_have_the_attenuation_drawn_for_the_phase(phase: Phase) -> None:
    patient = in_phase(HEALTHY, phase)
    volume, labels = scan_phantom(patient, replace(WHOLE, spacing_mm=(4.0, 4.0, 4.0)), SCHEMA)
    for structure, drawn_hu in (
        ("aorta", patient.attenuation.arteries),
        ("inferior_vena_cava", patient.attenuation.veins),
        ("liver", patient.attenuation.liver),
    ):
        painted_hu = np.median(volume.hu[labels == SCHEMA.ids[structure]])
        assert painted_hu == pytest.approx(drawn_hu, abs=5.0 + 0.1 * abs(drawn_hu)), structure


def test_a_phase_changes_no_anatomy(young: tuple[Volume, LabelArray]) -> None:
    _, labels = scan_phantom(in_phase(HEALTHY, "late"), WHOLE, SCHEMA)
    np.testing.assert_array_equal(labels, young[1])


def test_the_truth_is_the_same_on_any_grid_with_the_same_voxels() -> None:
    patient: Patient = draw_patient(3)
    protocol = replace(draw_protocol(3, "abdomen"), spacing_mm=(6.0, 6.0, 6.0))
    grid = scan_grid(patient, protocol)
    _, truth = scan_phantom(patient, protocol, SCHEMA)
    shifted = grid.affine.copy()
    shifted[:3, 3] += 12.0
    part = truth_on_grid(patient, protocol, SCHEMA, Grid((20, 20, 20), shifted))
    np.testing.assert_array_equal(part, truth[2:22, 2:22, 2:22])


def test_the_files_hold_the_ct_whatever_axes_they_are_stored_in(tmp_path: Path) -> None:
    seeds = range(40, 44)
    write_phantoms(tmp_path, seeds, "head_and_neck")
    stored = set()
    for seed in seeds:
        name = f"phantom_{seed:05d}.nii.gz"
        canonical = to_canonical(read_nifti((tmp_path / "archive" / name).read_bytes()))
        volume, truth = scan_phantom(
            draw_patient(seed), draw_protocol(seed, "head_and_neck"), SCHEMA
        )
        np.testing.assert_array_equal(canonical.hu, volume.hu)
        np.testing.assert_allclose(canonical.affine, volume.affine, atol=1e-3)
        image = nib.as_closest_canonical(nib.load(tmp_path / "truth" / name))
        np.testing.assert_array_equal(np.asarray(image.dataobj), truth)
        as_stored = nib.Nifti1Image.from_filename(tmp_path / "archive" / name)
        stored.add(nib.aff2axcodes(as_stored.affine))
    assert len(stored) > 1


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_phantoms(tmp_path / folder, [5], "head_and_neck")
    first, second = ((tmp_path / f / "archive" / "phantom_00005.nii.gz") for f in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
