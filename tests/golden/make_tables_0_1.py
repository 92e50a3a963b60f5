"""Wrote `tables_0_1`, with version 0.1.0 of ctcohort: python make_tables_0_1.py FOLDER.

It runs with that version alone, whose tables were in `stats.table`. Two nights of two commits each:
what a hospital that has used 0.1 finds in its bucket, in small.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

NIGHTS = (("night-1", "2026-01-30", ("ct-a", "ct-b")), ("night-2", "2026-01-31", ("ct-c",)))

LIVER_ML = {"ct-a": 1500.0, "ct-b": 1400.0, "ct-c": 1600.0}


def scan(key: str) -> dict[str, Any]:
    """One CT."""
    return {
        "series_key": key, "patient_key": f"patient of {key}", "age_years": 60.0, "sex": "F",
        "shape_k": 300, "spacing_k_mm": 1.5, "qc": "pass", "structures_measured": 2,
        "model_set": "tiny", "label_schema": "paper104",
    }  # fmt: skip


def structures(key: str) -> list[dict[str, Any]]:
    """A liver, an aorta that the field of view cuts, and no brain."""
    of = {"series_key": key, "model_set": "tiny", "label_schema": "paper104"}
    whole, cut = LIVER_ML[key], LIVER_ML[key] / 10
    return [
        {**of, "structure": "liver", "voxel_count": 9, "volume_ml": whole, "hu_mean": 55.5,
         "status": "ok"},
        {**of, "structure": "aorta", "voxel_count": 3, "volume_ml": cut, "hu_mean": 160.0,
         "status": "truncated", "touches_border": True},
        {**of, "structure": "brain", "voxel_count": 0, "status": "absent"},
    ]  # fmt: skip


def main(folder: str) -> None:
    """Writes the tables."""
    old = import_module("stats.table")
    tables = old.CohortTables(folder)
    for run_id, run_date, keys in NIGHTS:
        stamp = old.Stamp(run_id, run_date, "0123456789abcdef")
        for key in keys:
            tables.commit(old.Batch([scan(key)], structures(key)), stamp)
        failure = {
            "series_key": f"bad of {run_id}", "stage": "read", "code": "truncated_file",
            "sentence": "The file ends too early.", "attempts": 1,
        }  # fmt: skip
        tables.commit(old.Batch(failures=[failure]), stamp)
        began = datetime(2026, 1, 30, 22, tzinfo=UTC)
        run = {"run_id": run_id, "started_at": began, "finished_at": began, "status": "finished"}
        tables.write_run(run, stamp)


if __name__ == "__main__":
    main(sys.argv[1])
