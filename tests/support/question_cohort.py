"""Made CTs of 150 people as an archive has them: what docs/how-to/questions.md asks.

Nothing in it is simple: 50 people come again after two years; 40 visits have a second
reconstruction of thick slices, whose volumes are a tenth too large; 12 CTs failed quality control,
with HU of a thousandth; a newer method has measured 60 CTs only, and half a per cent more; ages,
sexes, patients and days are missing here and there; a tenth of the structures is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from stats.tables.commit import Batch, CohortTables, Row, Stamp

PEOPLE, TWICE, AGAIN = 150, 50, 60
"""People; those with a second visit two years later; CTs measured again by a newer method."""

THICK, FAILED_QC = 40, 12
"""Visits with a second reconstruction; CTs of these that failed quality control."""

NATIVE_SHARE, FATTY_SHARE = 0.5, 0.2
YEARS_BETWEEN, DAYS_BETWEEN = 2.0, 731
LOSS_ML = 20.0
"""What each spleen loses between the two visits."""

TYPICAL = {  # volume in ml, HU of a young adult, HU a decade after 20 years
    "aorta": (180.0, 150.0, 0.0),
    "autochthon_left": (300.0, 65.0, -5.0),
    "kidney_left": (160.0, 110.0, 0.0),
    "kidney_right": (155.0, 110.0, 0.0),
    "liver": (1500.0, 58.0, 0.0),
    "spleen": (200.0, 50.0, 0.0),
    "vertebrae_L4": (60.0, 220.0, -18.0),
}
SCANNERS = (("SIEMENS", "Force"), ("GE MEDICAL SYSTEMS", "Revolution"), ("PHILIPS", "IQon"))
Ct = tuple[Row, Sequence[Row]]

_BEGAN = datetime(2026, 1, 30, 20, 0, tzinfo=UTC)


def write_question_cohort(folder: Path) -> pd.DataFrame:
    """Writes tables/ and labs.csv into the folder, by the committer of the real ones.

    Returns:
        one row a structure of a CT, with the columns of its scan, as the method v1 measured it.
    """
    rng = np.random.default_rng(150)
    visits = [_ct(number, rng) for number in range(PEOPLE + TWICE)]
    cts = [*visits, *(_thick(ct) for ct in visits[:THICK])]
    cts = [_failed_qc(ct) if 20 <= n < 20 + FAILED_QC else ct for n, ct in enumerate(cts)]
    tables = CohortTables(str(folder / "tables"))
    nights = (
        (Stamp("night-1", "2026-01-30", "v1"), cts),
        (Stamp("night-2", "2026-01-31", "v2"), cts[:AGAIN]),
    )
    for night, (stamp, done) in enumerate(nights):
        failed = [_failure(number) for number in range(9)] if night == 0 else []
        scans = [{**scan, "label_schema": "paper104"} for scan, _ in done]
        rows = [_shifted(row, 0.5 * night) for _, rows in done for row in rows]
        tables.commit(Batch(scans=scans, structures=rows, failures=failed), stamp)
        began = _BEGAN + timedelta(days=night)
        counts = {"cts_todo": len(done) + 9, "cts_done": len(done), "cts_failed": len(failed)}
        times = {"started_at": began, "finished_at": began + timedelta(hours=8)}
        rate = {"ct_per_hour": len(done) / 8, "status": "finished"}
        tables.write_run({**counts, **times, **rate}, stamp)
    labs = [f"patient-{number:03d},{rng.normal(30, 8):.0f}" for number in range(0, PEOPLE, 2)]
    (folder / "labs.csv").write_text("\n".join(["patient_key,alt_u_l", *labs]) + "\n")
    of_scans = pd.DataFrame([scan for scan, _ in cts]).drop(columns=["qc_reasons"])
    of_structures = pd.DataFrame([row for _, rows in cts for row in rows]).drop(columns=["qc"])
    return of_structures.merge(of_scans, on="series_key")


def _ct(number: int, rng: np.random.Generator) -> Ct:
    """One CT: its row of scans, and its rows of structures. The last fifty are second visits."""
    person, again = number % PEOPLE, number >= PEOPLE
    of_person = np.random.default_rng(person)
    age_years = float(of_person.integers(20, 90)) + YEARS_BETWEEN * again
    sex = "M" if of_person.random() < 0.6 else "F"
    manufacturer, model = SCANNERS[int(rng.integers(len(SCANNERS)))]
    rows = [_structure(number, name, age_years, sex, rng) for name in TYPICAL]
    spleen_ml = _spleen_ml(person) - LOSS_ML * again
    rows = [r | {"volume_ml": spleen_ml} if r["structure"] == "spleen" else r for r in rows]
    reasons = [f"{row['qc_reasons']}: {row['structure']}" for row in rows if row["qc_reasons"]]
    native = bool(rng.random() < NATIVE_SHARE)
    scan = {
        "series_key": f"ct-{number:03d}",
        "patient_key": None if person in {140, 141, 142} else f"patient-{person:03d}",
        "study_key": f"study-{number:03d}",
        "scan_day": None if person % 30 == 7 else 4711 * (person + 1) + DAYS_BETWEEN * again,
        "age_years": None if person % 50 == 3 else age_years,
        "sex": None if person % 40 == 5 else sex,
        "manufacturer": manufacturer,
        "scanner_model": model,
        "kvp": 120.0,
        "slice_thickness_mm": float(rng.choice([1.0, 1.5, 2.0])),
        "contrast_agent": "yes" if not native else None if rng.random() < 0.5 else "no",
        "contrast_phase": "native" if native else "portal_venous",
        "structures_measured": len(rows),
        "qc": "warn" if reasons else "pass",
        "qc_reasons": "; ".join(reasons) or None,
        "network_s": float(rng.uniform(20, 60)),
        "read_s": float(rng.uniform(1, 3)),
    }
    return scan, rows


def _spleen_ml(person: int) -> float:
    return 200.0 * float(np.exp(0.15 * np.random.default_rng(1000 + person).normal()))


def _structure(
    number: int, name: str, age_years: float, sex: str, rng: np.random.Generator
) -> dict[str, object]:
    volume_ml, hu, slope = TYPICAL[name]
    volume_ml *= float(np.exp(0.15 * rng.normal())) * (1.15 if sex == "M" else 1.0)
    hu += slope * (age_years - 20.0) / 10.0 + 6.0 * float(rng.normal())
    if name == "liver" and rng.random() < FATTY_SHARE:
        hu -= 35.0
    doubled = name.startswith("kidney") and rng.random() < 0.02
    absent = name == "kidney_left" and rng.random() < 0.03
    return {
        "series_key": f"ct-{number:03d}",
        "structure": name,
        "label_schema": "paper104",
        "voxel_count": 0 if absent else round(volume_ml * 1000),
        "volume_ml": None if absent else volume_ml * (2.0 if doubled else 1.0),
        "hu_mean": None if absent else hu,
        "hu_std": None if absent else 12.0,
        "qc": "warn" if doubled else "pass",
        "qc_reasons": "doubled" if doubled else None,
        "status": "absent" if absent else "truncated" if rng.random() < 0.1 else "ok",
    }


def _thick(ct: Ct) -> Ct:
    """The same visit in slices of 5 mm, with all of each structure in it."""
    scan, rows = ct
    key = f"{scan['series_key']}-thick"
    larger = [_shifted(row, 10.0) for row in rows]
    thick: list[Row] = [
        {**row, "series_key": key, "status": "ok" if row["volume_ml"] else "absent"}
        for row in larger
    ]
    return {**scan, "series_key": key, "slice_thickness_mm": 5.0}, thick


def _failed_qc(ct: Ct) -> Ct:
    """Values of a thousandth, and the verdict that they deserve."""
    scan, rows = ct
    wrong = []
    for row in rows:
        hu_mean = row["hu_mean"]
        scaled = hu_mean / 1000.0 if isinstance(hu_mean, float) else None
        wrong.append({**row, "hu_mean": scaled, "qc_reasons": "hu_rescaled"})
    return {**scan, "qc": "fail", "qc_reasons": "hu_rescaled"}, wrong


def _failure(number: int) -> Row:
    code, stage = (
        ("truncated_file", "read"),
        ("too_few_slices", "read"),
        ("out_of_memory", "segment"),
    )[number % 3]
    return {
        "series_key": f"broken-{number}",
        "stage": stage,
        "code": code,
        "sentence": "What is wrong, and what to do about it.",
    }


def _shifted(row: Row, percent: float) -> Row:
    """As another method would measure it: a little more."""
    volume_ml = row["volume_ml"]
    if volume_ml is None:
        return row
    assert isinstance(volume_ml, float)
    return {**row, "volume_ml": volume_ml * (1.0 + percent / 100.0)}
