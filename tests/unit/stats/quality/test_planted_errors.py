"""Errors that a reviewer planted into true labels and that once passed: each with what finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from scipy import ndimage

from segment_actor.anatomy import load_schema
from segment_actor.phantom.patient import draw_patient
from segment_actor.phantom.scanner import draw_protocol, scan_phantom
from segment_actor.volume import HuArray, LabelArray, SpacingMm
from stats.label_map.maps import OneMap
from stats.label_map.runs import identity_indices
from stats.measure import StructureRow, measure, measure_maps
from stats.quality.codes import Code, Verdict, scan_verdict, split_codes

SCHEMA = load_schema("paper104")
SPACING_MM = (3.0, 3.0, 4.0)

Case = tuple[HuArray, LabelArray, SpacingMm]
"""A CT, its labels and the spacing that its header claims."""


@cache
def body() -> Case:
    """From head to knee, with its true labels; never write into it."""
    protocol = replace(draw_protocol(91001, "head_to_knee"), spacing_mm=SPACING_MM)
    volume, labels = scan_phantom(draw_patient(91001), protocol, SCHEMA)
    return volume.hu, labels, SPACING_MM


def judged(case: Case) -> list[StructureRow]:
    hu, labels, spacing_mm = case
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    return measure(hu, labels, voxel_ml, SCHEMA, spacing_mm=spacing_mm)


def renamed(case: Case, **names: str) -> Case:
    """Structures under other structures' names; "" for none."""
    hu, labels, spacing_mm = case
    table = np.arange(256, dtype=np.uint8)
    for name, other in names.items():
        table[SCHEMA.ids[name]] = SCHEMA.ids[other] if other else 0
    return hu, table[labels], spacing_mm


def exchanged(case: Case, one: str, other: str) -> Case:
    return renamed(case, **{one: other, other: one})


def lower_half_renamed(case: Case, name: str, other: str) -> Case:
    hu, labels, spacing_mm = case
    of_name = labels == SCHEMA.ids[name]
    heights = np.nonzero(of_name)[2]
    of_name[:, :, int(heights.mean()) :] = False
    return hu, np.where(of_name, SCHEMA.ids[other] if other else 0, labels), spacing_mm


def grown(case: Case, name: str, to_ml: float, into: str = "") -> Case:
    """It takes what lies nearest to it, of one structure or of any, up to this volume."""
    hu, labels, spacing_mm = case
    away_mm = ndimage.distance_transform_edt(labels != SCHEMA.ids[name], spacing_mm)
    own = labels == SCHEMA.ids[name]
    may_take = own | (labels == SCHEMA.ids[into]) if into else np.ones(labels.shape, bool)
    voxels = round(to_ml * 1000 / np.prod(spacing_mm))
    reach_mm = np.partition(away_mm[may_take], voxels)[voxels]
    return hu, np.where(may_take & (away_mm <= reach_mm), SCHEMA.ids[name], labels), spacing_mm


def table_called_hip(case: Case) -> Case:
    """All of the couch, and the air below it: 7.5 litres."""
    hu, labels, spacing_mm = case
    labels = labels.copy()
    rows = round(7500e3 / np.prod(spacing_mm) / (labels.shape[0] * labels.shape[2]))
    labels[:, :rows][labels[:, :rows] == 0] = SCHEMA.ids["hip_left"]
    return hu, labels, spacing_mm


def with_values(case: Case, factor: float, plus: float) -> Case:
    hu, labels, spacing_mm = case
    return np.rint(hu * factor + plus).astype(np.int16), labels, spacing_mm


def with_spacing(case: Case, *factors: float) -> Case:
    hu, labels, (i_mm, j_mm, k_mm) = case
    return hu, labels, (i_mm * factors[0], j_mm * factors[1], k_mm * factors[2])


PLANTED: dict[str, tuple[Callable[[Case], Case], Code, set[str]]] = {
    "no liver": (partial(renamed, liver=""), Code.MISSING, {"liver"}),
    "no aorta": (partial(renamed, aorta=""), Code.MISSING, {"aorta"}),
    "half a liver": (
        partial(lower_half_renamed, name="liver", other=""),
        Code.INCOMPLETE,
        {"liver"},
    ),
    "no left kidney": (partial(renamed, kidney_left=""), Code.MISSING, {"kidney_left"}),
    "left lung one lobe": (
        partial(renamed, lung_lower_lobe_left="lung_upper_lobe_left"),
        Code.MISSING,
        {"lung_lower_lobe_left"},
    ),
    "aorta and vena cava": (
        partial(exchanged, one="aorta", other="inferior_vena_cava"),
        Code.PLACES_EXCHANGED,
        {"aorta", "inferior_vena_cava"},
    ),
    "spleen and left kidney": (
        partial(exchanged, one="spleen", other="kidney_left"),
        Code.PLACES_EXCHANGED,
        {"spleen", "kidney_left"},
    ),
    "upper and lower lobe": (
        partial(exchanged, one="lung_upper_lobe_right", other="lung_lower_lobe_right"),
        Code.PLACES_EXCHANGED,
        {"lung_upper_lobe_right", "lung_lower_lobe_right"},
    ),
    "a pancreas of 239 ml": (
        partial(grown, name="pancreas", to_ml=239),
        Code.TOO_LARGE,
        {"pancreas"},
    ),
    "kidney eats liver": (
        partial(grown, name="kidney_right", to_ml=450, into="liver"),
        Code.SIDES_UNEQUAL,
        {"kidney_left", "kidney_right"},
    ),
    "half of L2 called L3": (
        partial(lower_half_renamed, name="vertebrae_L2", other="vertebrae_L3"),
        Code.OUT_OF_STEP,
        {"vertebrae_L2"},
    ),
    "L5 called sacrum": (
        partial(renamed, vertebrae_L5="sacrum"),
        Code.MISSING,
        {"vertebrae_L5"},
    ),
    "no twelfth ribs": (
        partial(renamed, rib_left_12="", rib_right_12=""),
        Code.MISSING,
        {"rib_left_12", "rib_right_12"},
    ),
    "HU + 100": (partial(with_values, factor=1, plus=100), Code.HU_SHIFTED, {"autochthon_left"}),
    "no intercept": (
        partial(with_values, factor=1, plus=1024),
        Code.HU_RESCALED,
        {"trachea"},
    ),
    "HU x 0.5": (partial(with_values, factor=0.5, plus=0), Code.HU_RESCALED, {"trachea"}),
    "slices at half": (
        lambda case: with_spacing(case, 1, 1, 0.5),
        Code.WRONG_SCALE,
        {"vertebrae_L2"},
    ),
    "slices at double": (
        lambda case: with_spacing(case, 1, 1, 2),
        Code.WRONG_SCALE,
        {"vertebrae_L2"},
    ),
    "a thirtieth of its size": (
        lambda case: with_spacing(case, 1 / 30, 1 / 30, 1 / 30),
        Code.WRONG_SCALE,
        {"liver"},
    ),
    "table called hip": (table_called_hip, Code.OVERGROWN, {"hip_left"}),
}

OF_THE_CT = {Code.HU_SHIFTED, Code.HU_RESCALED, Code.WRONG_SCALE}


def test_the_body_that_errors_are_planted_into_is_sound() -> None:
    assert {row.structure: row.qc_reasons for row in judged(body()) if row.qc_reasons} == {}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_error_is_found(name: str) -> None:
    plant, code, wrong = PLANTED[name]
    rows = judged(plant(body()))
    assert wrong <= {r.structure for r in rows if code in split_codes(r.qc_reasons)}
    verdict, _ = scan_verdict((r.structure, r.voxel_count, r.qc_reasons) for r in rows)
    assert verdict is (Verdict.FAIL if code in OF_THE_CT else Verdict.WARN)


def test_the_size_of_a_mirrored_ct_is_not_blamed() -> None:
    hu, labels, spacing_mm = body()
    reasons = {
        c for r in judged((hu[::-1], labels[::-1], spacing_mm)) for c in split_codes(r.qc_reasons)
    }
    assert reasons == {Code.MIRRORED, Code.ORGANS_MIRRORED}


@pytest.mark.parametrize("name", [n for n, (_, code, _) in PLANTED.items() if code in OF_THE_CT])
def test_in_a_ct_that_fails_no_structure_passes(name: str) -> None:
    rows = judged(PLANTED[name][0](body()))
    assert {row.qc for row in rows if row.voxel_count} == {"fail"}


@pytest.mark.parametrize(
    ("name", "touched"),
    [
        ("aorta and vena cava", {"aorta", "inferior_vena_cava"}),
        ("spleen and left kidney", {"spleen", "kidney_left", "kidney_right"}),
        ("table called hip", {"hip_left", "hip_right", "femur_left"}),
        ("half of L2 called L3", {"vertebrae_L2", "vertebrae_L3", "vertebrae_L4"}),
    ],
)
def test_what_a_planted_error_does_not_concern_passes(name: str, touched: set[str]) -> None:
    rows = judged(PLANTED[name][0](body()))
    assert {row.structure for row in rows if row.qc != "pass"} <= touched


def test_what_no_model_looked_for_is_not_missing() -> None:
    hu, labels, spacing_mm = PLANTED["no left kidney"][0](body())
    others = frozenset(SCHEMA.ids.values()) - {SCHEMA.ids["kidney_left"]}
    known = OneMap(labels, identity_indices(labels.shape), others)
    rows = measure_maps(hu, [known], 0.036, SCHEMA, spacing_mm=spacing_mm)
    kidney = next(row for row in rows if row.structure == "kidney_left")
    assert (kidney.qc, kidney.qc_reasons) == (None, None)
