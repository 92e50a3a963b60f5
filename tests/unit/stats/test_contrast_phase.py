"""The contrast phase: of phantoms of every phase, and of single rows that are hard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import count, product
from pathlib import Path

import pytest

from segment_actor.anatomy import load_schema
from segment_actor.phantom.contrast import Phase as PhantomPhase
from segment_actor.phantom.patient import draw_patient, in_phase
from segment_actor.phantom.scanner import draw_protocol, scan_phantom
from segment_actor.volume import LabelArray, Volume
from stats.contrast_phase import TISSUES, PhaseName, contrast_phase
from stats.measure import StructureRow, measure

SCHEMA = load_schema("paper104")
PHASES: tuple[PhantomPhase, ...] = ("native", "arterial", "portal_venous", "late")
NOISE_HU = (10.0, 25.0, 50.0)

Rows = Mapping[str, StructureRow]

PORTAL_VENOUS = {
    "aorta": 150.0, "portal_vein_and_splenic_vein": 165.0, "inferior_vena_cava": 125.0,
    "liver": 110.0, "spleen": 120.0, "kidney_left": 185.0,
}  # fmt: skip
NATIVE = {
    "aorta": 38.0, "portal_vein_and_splenic_vein": 39.0, "inferior_vena_cava": 36.0,
    "liver": 57.0, "spleen": 48.0, "kidney_left": 31.0,
}  # fmt: skip


def scanned(
    phase: PhantomPhase, seed: int, view: str, noise_hu: float = 25.0
) -> tuple[Volume, LabelArray]:
    protocol = replace(draw_protocol(seed, view), noise_hu=noise_hu, spacing_mm=(5.0, 5.0, 5.0))
    return scan_phantom(in_phase(draw_patient(seed), phase), protocol, SCHEMA)


def rows_of(volume: Volume, labels: LabelArray) -> Rows:
    rows = measure(volume.hu, labels, volume.voxel_ml, SCHEMA, spacing_mm=volume.spacing_mm)
    return {row.structure: row for row in rows}


def made(medians_hu: Mapping[str, float]) -> Rows:
    return {
        name: StructureRow(name, 1000, volume_ml=50.0, hu_median=hu, status="ok")
        for name, hu in medians_hu.items()
    }


@pytest.fixture(scope="module")
def told() -> Counter[tuple[float, str]]:
    """How many phantoms at each noise were told right, wrong or unknown; no two are alike."""
    counted: Counter[tuple[float, str]] = Counter()
    seeds = count(7000)
    for noise_hu, view, phase, _ in product(NOISE_HU, ("abdomen", "trunk"), PHASES, range(3)):
        name = contrast_phase(rows_of(*scanned(phase, next(seeds), view, noise_hu)), None).name
        outcome = "right" if name == phase else "unknown" if name == "unknown" else "wrong"
        counted[noise_hu, outcome] += 1
    return counted


@pytest.mark.parametrize("noise_hu", NOISE_HU)
def test_phantoms_of_every_phase_are_told_right_or_unknown(
    told: Counter[tuple[float, str]], noise_hu: float
) -> None:
    assert told[noise_hu, "wrong"] == 0
    assert told[noise_hu, "right"] >= 0.95 * 24


@pytest.mark.parametrize(
    ("agent", "expected", "method"),
    [(None, "native", "measured"), (False, "native", "header"), (True, "unknown", "measured")],
)
def test_a_native_ct_is_native_unless_the_header_names_an_agent(
    agent: bool | None, expected: str, method: str
) -> None:
    phase = contrast_phase(rows_of(*scanned("native", 7001, "trunk")), agent)
    assert (phase.name, phase.method) == (expected, method)


@pytest.mark.parametrize("phase", PHASES[1:])
def test_measured_contrast_stands_against_a_header_that_says_no(phase: PhantomPhase) -> None:
    rows = rows_of(*scanned(phase, 7002, "trunk"))
    silent, denied = contrast_phase(rows, None), contrast_phase(rows, agent=False)
    assert (denied.name, denied.method) == (phase, "measured")
    assert denied.confidence < silent.confidence


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("part", ["head", "legs"])
def test_a_head_or_legs_alone_are_unknown(part: str, phase: PhantomPhase) -> None:
    volume, labels = scanned(phase, 7003, "head_to_knee")
    at = 0.85 if part == "head" else 0.25
    cut = round(at * labels.shape[2])
    slices = slice(cut, None) if part == "head" else slice(0, cut)
    rows = rows_of(replace(volume, hu=volume.hu[:, :, slices]), labels[:, :, slices])
    assert any(row.voxel_count > 0 for row in rows.values())
    told = contrast_phase(rows, None)
    assert (told.name, told.confidence) == (PhaseName.UNKNOWN, 0.0)


def test_without_a_measurement_only_a_header_that_says_no_tells() -> None:
    assert [contrast_phase({}, agent).name for agent in (None, False, True)] == [
        "unknown", "native", "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "useless",
    [{"qc": "fail"}, {"volume_ml": 0.9}, {"status": "implausible"}, {"hu_median": None}],
)
def test_a_structure_that_is_not_measured_usably_is_no_evidence(
    useless: dict[str, object],
) -> None:
    aorta = replace(made({"aorta": 300.0})["aorta"], **useless)  # type: ignore[arg-type]
    assert contrast_phase({"aorta": aorta}, None).confidence == 0.0


def test_a_structure_that_the_field_of_view_cuts_is_evidence() -> None:
    rows = {name: replace(row, status="truncated") for name, row in made(PORTAL_VENOUS).items()}
    assert contrast_phase(rows, None).name == "portal_venous"


@pytest.mark.parametrize("misled", sorted(PORTAL_VENOUS))
def test_one_tissue_that_is_far_off_makes_no_phase_wrong(misled: str) -> None:
    for hu in (-50.0, 20.0, 500.0):
        name = contrast_phase(made(PORTAL_VENOUS | {misled: hu}), None).name
        assert name in {"portal_venous", "unknown"}
        assert contrast_phase(made(NATIVE | {misled: hu}), None).name in {"native", "unknown"}


@pytest.mark.parametrize("dose", [0.7, 1.6])
def test_more_iodine_or_a_lower_tube_voltage_is_not_another_phase(dose: float) -> None:
    medians_hu = {n: NATIVE[n] + dose * (hu - NATIVE[n]) for n, hu in PORTAL_VENOUS.items()}
    assert contrast_phase(made(medians_hu), None).name in {"portal_venous", "unknown"}


def test_bright_lung_arteries_before_a_dark_aorta_are_arterial() -> None:
    rows = made({"pulmonary_artery": 350.0, "aorta": 80.0, "liver": 57.0, "spleen": 50.0})
    assert contrast_phase(rows, None).name == "arterial"


def test_what_fits_no_phase_is_unknown() -> None:
    assert contrast_phase(made(dict.fromkeys(NATIVE, 400.0)), None).name == "unknown"


def test_a_bright_bladder_alone_makes_no_native_ct_late() -> None:
    assert contrast_phase(made(NATIVE | {"urinary_bladder": 900.0}), None).name == "native"


def test_the_page_has_every_number_of_the_rule() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "contrast.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    written = {row[0].split("`")[1]: row[1:] for row in rows if len(row) == 7 and "`" in row[0]}
    for tissue in TISSUES:
        numbers = (tissue.native_hu, tissue.native_sd_hu, *tissue.enhancement_hu[1:])
        assert written[tissue.structures[0]] == [str(number) for number in numbers]
