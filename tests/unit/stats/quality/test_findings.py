"""Errors as the models make them, put into phantoms' true labels, and what is said of each."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner

from jobs.measure import main
from segment_actor.anatomy import load_schema, schema_names
from segment_actor.phantom.patient import draw_patient
from segment_actor.phantom.scanner import FIELDS_OF_VIEW, Protocol, draw_protocol, scan_phantom
from segment_actor.volume import LabelArray, Volume
from stats.measure import StructureRow, measure
from stats.quality.codes import Code, Verdict, codes_table, scan_verdict, split_codes
from stats.quality.limits import load_limits
from stats.quality.places import ORDERS
from stats.quality.presence import load_presence

SCHEMA = load_schema("paper104")
SPACING_MM = (4.0, 4.0, 4.0)
WHOLE_SPINE = Protocol("head_to_knee", SPACING_MM, (1.0, -1.0, 1.0), 10.0, "RAS", seed=1)


@cache
def whole_body() -> tuple[Volume, LabelArray]:
    """A healthy phantom from head to knee with its true labels; never write into it."""
    patient = replace(draw_patient(1), missing=frozenset(), hip_implant=None)
    return scan_phantom(patient, WHOLE_SPINE, SCHEMA)


def rows_of(volume: Volume, labels: LabelArray) -> list[StructureRow]:
    return measure(volume.hu, labels, volume.voxel_ml, SCHEMA, spacing_mm=volume.spacing_mm)


def judged(labels: LabelArray) -> tuple[dict[Code, set[str]], Verdict]:
    """What is found in the whole body with these labels, and the verdict."""
    rows = rows_of(whole_body()[0], labels)
    codes = {code for row in rows for code in split_codes(row.qc_reasons)}
    found = {c: {r.structure for r in rows if c in split_codes(r.qc_reasons)} for c in codes}
    return found, verdict_of(rows)[0]


def verdict_of(rows: list[StructureRow]) -> tuple[Verdict, str | None]:
    return scan_verdict((r.structure, r.voxel_count, r.qc_reasons) for r in rows)


def renamed(**names: str) -> LabelArray:
    """The true labels, in which structures carry other structures' names ("" for none)."""
    table = np.arange(256, dtype=np.uint8)
    for name, other in names.items():
        table[SCHEMA.ids[name]] = SCHEMA.ids[other] if other else 0
    relabelled: LabelArray = table[whole_body()[1]]
    return relabelled


def exchanged(names: list[str]) -> dict[str, str]:
    """left to right and back, for every paired structure of these."""
    return {n: n.replace("left", "right") for n in names if "left" in n} | {
        n: n.replace("right", "left") for n in names if "right" in n
    }


def test_a_sound_body_passes_without_a_finding() -> None:
    assert judged(whole_body()[1]) == ({}, Verdict.PASS)


def test_swapped_vertebrae_are_named() -> None:
    found, verdict = judged(renamed(vertebrae_L2="vertebrae_L3", vertebrae_L3="vertebrae_L2"))
    assert found[Code.NEIGHBOURS_SWAPPED] == {"vertebrae_L2", "vertebrae_L3"}
    assert verdict is Verdict.WARN


def test_swapped_ribs_are_named() -> None:
    found, verdict = judged(renamed(rib_left_6="rib_left_7", rib_left_7="rib_left_6"))
    assert found[Code.NEIGHBOURS_SWAPPED] == {"rib_left_6", "rib_left_7"}
    assert verdict is Verdict.WARN


def test_of_two_out_of_order_the_one_that_the_rest_of_the_series_contradicts_is_wrong() -> None:
    labels = renamed(vertebrae_C3="")
    labels[40:44, 20:24, 20:24] = SCHEMA.ids["vertebrae_C3"]  # 4 ml in the thigh
    rows = {row.structure: row for row in rows_of(whole_body()[0], labels)}
    assert {name for name, row in rows.items() if row.qc == "fail"} == {"vertebrae_C3"}
    assert rows["liver"].qc == rows["vertebrae_C5"].qc == "pass"


@pytest.mark.parametrize("name", ["rib_right_5", "rib_left_11", "vertebrae_T9", "vertebrae_C4"])
def test_one_missing_between_two_is_named(name: str) -> None:
    found, verdict = judged(renamed(**{name: ""}))
    assert found == {Code.MISSING_BETWEEN: {name}}
    assert verdict is Verdict.WARN


@pytest.mark.parametrize("name", ["rib_left_12", "vertebrae_L5", "vertebrae_C1"])
def test_one_missing_at_the_end_of_its_series_is_named(name: str) -> None:
    assert judged(renamed(**{name: ""})) == ({Code.MISSING: {name}}, Verdict.WARN)


def test_a_doubled_kidney_is_named() -> None:
    labels = whole_body()[1].copy()
    kidney = labels == SCHEMA.ids["kidney_right"]
    transplant = np.roll(kidney, round(-180 / SPACING_MM[2]), axis=2)  # into the pelvis
    labels[transplant] = SCHEMA.ids["kidney_right"]
    found, verdict = judged(labels)
    assert found[Code.DOUBLED] == {"kidney_right"}
    assert verdict is Verdict.WARN


def test_left_and_right_exchanged_everywhere_is_a_mirrored_ct() -> None:
    pairs = exchanged([n for n in SCHEMA.names if "middle_lobe" not in n])
    found, verdict = judged(renamed(**pairs))
    assert found[Code.MIRRORED] == set(pairs)
    assert verdict is Verdict.FAIL


def test_one_exchanged_pair_is_named_alone() -> None:
    found, verdict = judged(renamed(**exchanged(["hip_left", "hip_right"])))
    assert found[Code.SIDES_EXCHANGED] == {"hip_left", "hip_right"}
    assert verdict is Verdict.WARN


def test_of_a_pair_on_one_side_the_one_across_the_midline_is_wrong() -> None:
    labels = renamed(femur_left="")
    k = np.argwhere(labels == SCHEMA.ids["femur_right"])[:, 2].mean().astype(int)
    labels[-12:-2, 20:30, k - 8 : k + 8] = SCHEMA.ids["femur_left"]  # right of the right one
    found, _ = judged(labels)
    assert found[Code.SIDES_EXCHANGED] == {"femur_left"}


def test_a_ct_stored_mirrored_shows_in_the_liver_though_sides_are_named_by_place() -> None:
    volume = whole_body()[0]
    pairs = exchanged([n for n in SCHEMA.names if "middle_lobe" not in n])
    mirrored = Volume(volume.hu[::-1], volume.affine)
    rows = rows_of(mirrored, renamed(**pairs)[::-1])
    named = {r.structure for r in rows if "organs_mirrored" in split_codes(r.qc_reasons)}
    assert named >= {"liver", "spleen", "stomach", "aorta", "inferior_vena_cava"}
    assert {r.qc for r in rows} == {"fail"}


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 255), (0, 4095), (-1, 1)], ids=["0..1", "8 bit", "raw", "-1..1"]
)
def test_rescaled_values_are_no_hounsfield_units(low: int, high: int) -> None:
    volume, labels = whole_body()
    scaled = np.interp(volume.hu, (-1024, 3071), (low, high))
    rows = rows_of(Volume(np.rint(scaled).astype(np.int16), volume.affine), labels)
    verdict, reasons = verdict_of(rows)
    assert verdict is Verdict.FAIL
    assert reasons is not None
    assert reasons.startswith("hu_rescaled: spleen, ")


def test_an_organ_of_air_is_named_alone() -> None:
    volume, labels = whole_body()
    hu = volume.hu.copy()
    hu[labels == SCHEMA.ids["liver"]] = -900
    rows = rows_of(Volume(hu, volume.affine), labels)
    assert verdict_of(rows) == (Verdict.WARN, "hu_implausible: liver")


def test_ribs_of_one_side_counted_from_the_second_one_are_uneven() -> None:
    shifted = {f"rib_left_{n}": f"rib_left_{n - 1}" if n > 1 else "" for n in range(1, 13)}
    found, verdict = judged(renamed(**shifted))
    assert len(found[Code.SIDES_UNEVEN]) >= 8
    assert verdict is Verdict.WARN


def test_vertebrae_counted_one_off_disagree_with_the_ribs() -> None:
    spine = [s.name for s in SCHEMA.structures if s.name.startswith("vertebrae")][::-1]
    shifted = dict(zip(spine, [*spine[1:], ""], strict=True))
    found, verdict = judged(renamed(**shifted))
    assert len(found[Code.LEVELS_DISAGREE]) >= 10
    assert verdict is Verdict.WARN


def test_the_halves_of_one_vertebra_with_two_labels_are_too_close() -> None:
    labels = renamed(vertebrae_T12="")
    of_l1 = np.argwhere(labels == SCHEMA.ids["vertebrae_L1"])
    upper = of_l1[of_l1[:, 2] > of_l1[:, 2].mean()]
    labels[tuple(upper.T)] = SCHEMA.ids["vertebrae_T12"]
    found, verdict = judged(labels)
    assert found[Code.TOO_CLOSE] == {"vertebrae_L1", "vertebrae_T12"}
    assert verdict is Verdict.WARN


def test_a_spleen_in_many_pieces_is_fragmented() -> None:
    labels = whole_body()[1].copy()
    of_spleen = np.argwhere(labels == SCHEMA.ids["spleen"])
    labels[tuple(of_spleen[of_spleen[:, 2] % 3 == 0].T)] = 0
    found, verdict = judged(labels)
    assert found[Code.FRAGMENTED] == {"spleen"}
    assert verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("side", "code", "expected"),
    [
        (3, Code.REMNANT, Verdict.WARN),
        (6, Code.TOO_SMALL, Verdict.WARN),
        (24, Code.TOO_LARGE, Verdict.WARN),
    ],
)
def test_a_volume_that_no_spleen_has_is_named(side: int, code: Code, expected: Verdict) -> None:
    """Cubes of 2, 14 and 885 ml; the spleen's lower cut-off is 40 ml, its upper bound 600 ml.

    The first stands for no spleen at all, which is missing from its place.
    """
    labels = renamed(spleen="")
    i, j, k = np.argwhere(whole_body()[1] == SCHEMA.ids["spleen"]).mean(axis=0).astype(int)
    at = (slice(n - side // 2, n - side // 2 + side) for n in (i, j, k))
    labels[tuple(at)] = SCHEMA.ids["spleen"]
    found, verdict = judged(labels)
    assert (found[code], verdict) == ({"spleen"}, expected)


def test_stray_voxels_are_judged_in_no_other_way_and_leave_a_gap_a_gap() -> None:
    labels = renamed(vertebrae_T9="")
    labels[5, 5, 5] = SCHEMA.ids["vertebrae_T9"]  # in the air beside the thigh
    found, _ = judged(labels)
    assert found == {Code.REMNANT: {"vertebrae_T9"}, Code.MISSING_BETWEEN: {"vertebrae_T9"}}


def test_a_ct_without_any_structure_fails() -> None:
    rows = rows_of(whole_body()[0], np.zeros_like(whole_body()[1]))
    assert verdict_of(rows) == (Verdict.FAIL, "nothing_found")


@pytest.mark.parametrize("view", list(FIELDS_OF_VIEW))
def test_a_sound_body_that_the_field_of_view_cuts_raises_no_alarm(view: str) -> None:
    for seed in (40, 41):
        coarse = replace(draw_protocol(seed, view), spacing_mm=(5.0, 5.0, 5.0))
        assert (
            verdict_of(rows_of(*scan_phantom(draw_patient(seed), coarse, SCHEMA)))[0]
            is Verdict.PASS
        )


def test_every_code_has_a_meaning_and_the_table_of_codes_holds_it() -> None:
    rows = codes_table().to_pylist()
    assert [row["code"] for row in rows] == [code.value for code in Code]
    assert all(row["sentence"].endswith(".") for row in rows)
    assert {row["verdict"] for row in rows} == {"pass", "warn", "fail"}
    assert {row["concerns"] for row in rows if row["verdict"] == "warn"} == {"structures"}


def test_every_structure_of_every_schema_has_its_limits() -> None:
    names = {
        n for schema in ("paper104", "total_v1", "total_v2") for n in load_schema(schema).names
    }
    assert names == load_limits().keys()
    assert all(bounds.hu_mean_low < bounds.hu_mean_high for bounds in load_limits().values())


def test_the_rules_of_presence_and_place_name_structures_that_exist() -> None:
    known = {n for schema in schema_names() for n in load_schema(schema).names}
    named = {name for order in ORDERS for name in (order.first, order.second)}
    for rule in load_presence():
        named |= {rule.structure, *rule.given, *filter(None, (rule.up_to, rule.down_to))}
    assert named <= known


def test_the_measure_command_says_the_verdict_in_words(tmp_path: Path) -> None:
    volume, _ = whole_body()
    files = {"--ct": volume.hu, "--labels": renamed(vertebrae_T9="")}
    for flag, voxels in files.items():
        nib.save(nib.Nifti1Image(voxels, volume.affine), tmp_path / f"{flag[2:]}.nii")
    options = [word for flag in files for word in (flag, str(tmp_path / f"{flag[2:]}.nii"))]
    done = CliRunner().invoke(main, [*options, "--schema", "paper104"])
    assert done.exit_code == 0
    assert done.stderr.startswith("quality: warn\n  missing_between (warn): It is missing, or ")
    assert (
        "    vertebrae_T9\ncontrast phase: portal_venous (measured, confidence 0.9" in done.stderr
    )
