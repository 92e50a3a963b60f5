"""200 made CTs of 150 people, two nights, some findings: what docs/how-to/questions.md asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from stats.tables.commit import Batch, CohortTables, Row, Stamp

PEOPLE, TWICE, AGAIN = 150, 50, 60
"""People; those with a second CT two years later; CTs measured again by a newer method."""

FATTY_SHARE = 0.2
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
_BEGAN = datetime(2026, 1, 30, 20, 0, tzinfo=UTC)


def write_question_cohort(folder: Path) -> str:
    """Writes tables/ and labs.csv into the folder, by the committer of the real ones."""
    rng = np.random.default_rng(150)
    tables = CohortTables(str(folder / "tables"))
    cts = [_ct(number, rng) for number in range(PEOPLE + TWICE)]
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
    return str(folder / "tables")


def _ct(number: int, rng: np.random.Generator) -> tuple[Row, list[Row]]:
    """One CT: its row of scans, and its rows of structures. The last fifty are second CTs."""
    person = number % PEOPLE
    of_person = np.random.default_rng(person)
    age_years = float(of_person.integers(20, 90)) + (2.0 if number >= PEOPLE else 0.0)
    sex = "M" if of_person.random() < 0.6 else "F"
    manufacturer, model = SCANNERS[int(rng.integers(len(SCANNERS)))]
    rows = [_structure(number, name, age_years, sex, rng) for name in TYPICAL]
    reasons = [f"{row['qc_reasons']}: {row['structure']}" for row in rows if row["qc_reasons"]]
    scan = {
        "series_key": f"ct-{number:03d}",
        "patient_key": f"patient-{person:03d}",
        "age_years": age_years,
        "sex": sex,
        "manufacturer": manufacturer,
        "scanner_model": model,
        "kvp": 120.0,
        "slice_thickness_mm": float(rng.choice([1.0, 1.5, 5.0])),
        "contrast_agent": "yes" if rng.random() < 0.4 else "no",
        "structures_measured": len(rows),
        "qc": "warn" if reasons else "pass",
        "qc_reasons": "; ".join(reasons) or None,
        "network_s": float(rng.uniform(20, 60)),
        "read_s": float(rng.uniform(1, 3)),
    }
    return scan, rows


def _structure(number: int, name: str, age_years: float, sex: str, rng: np.random.Generator) -> Row:
    volume_ml, hu, slope = TYPICAL[name]
    volume_ml *= float(np.exp(0.15 * rng.normal())) * (1.15 if sex == "M" else 1.0)
    hu += slope * (age_years - 20.0) / 10.0 + 6.0 * float(rng.normal())
    if name == "liver" and rng.random() < FATTY_SHARE:
        hu -= 35.0
    doubled = name.startswith("kidney") and rng.random() < 0.02
    return {
        "series_key": f"ct-{number:03d}",
        "structure": name,
        "label_schema": "paper104",
        "voxel_count": round(volume_ml * 1000),
        "volume_ml": volume_ml * (2.0 if doubled else 1.0),
        "hu_mean": hu,
        "hu_std": 12.0,
        "qc_reasons": "doubled" if doubled else None,
        "status": "truncated" if rng.random() < 0.1 else "ok",
    }


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
    """As a newer method would measure it: a little more."""
    volume_ml = row["volume_ml"]
    assert isinstance(volume_ml, float)
    return {**row, "volume_ml": volume_ml * (1.0 + percent / 100.0)}
