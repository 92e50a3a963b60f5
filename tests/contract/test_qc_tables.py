"""The views that put the findings of quality control into words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from stats.quality.codes import MEANINGS, Code
from stats.query import connect
from stats.tables.commit import Batch, CohortTables, Stamp

BOTH = "neighbours_swapped; too_small"


def structure(key: str, name: str, reasons: str | None, status: str = "ok") -> dict[str, object]:
    row = {"series_key": key, "structure": name, "voxel_count": 1, "status": status}
    row |= {"volume_ml": 1.0, "hu_mean": 50.0}
    return {**row, "qc_reasons": reasons}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    scans = [("a", "fail", f"neighbours_swapped: {BOTH}", 2), ("b", "pass", None, 2)]
    scans += [("empty", "fail", "nothing_found", 0)]
    columns = ("series_key", "qc", "qc_reasons", "structures_measured")
    batch = Batch(
        scans=[dict(zip(columns, scan, strict=True)) for scan in scans],
        structures=[
            structure("a", "vertebrae_L2", BOTH),
            structure("a", "liver", None),
            structure("b", "liver", None),
            structure("b", "spleen", None, "truncated"),
        ],
    )
    CohortTables(str(tmp_path)).commit(batch, Stamp("run", "2026-01-31", "v1"))
    with connect(str(tmp_path)) as connection:
        yield connection


def test_each_finding_has_a_row_with_its_sentence(database: duckdb.DuckDBPyConnection) -> None:
    asked = "SELECT series_key, structure, code, sentence FROM qc_findings ORDER BY ALL"
    swapped, small, nothing = (
        MEANINGS[c].sentence for c in (Code.NEIGHBOURS_SWAPPED, Code.TOO_SMALL, Code.NOTHING_FOUND)
    )
    assert database.sql(asked).fetchall() == [
        ("a", "vertebrae_L2", "neighbours_swapped", swapped),
        ("a", "vertebrae_L2", "too_small", small),
        ("empty", None, "nothing_found", nothing),
    ]


def test_what_passed_is_whole_sound_and_in_a_ct_that_did_not_fail(
    database: duckdb.DuckDBPyConnection,
) -> None:
    passed = database.sql("SELECT series_key, structure FROM qc_passed").fetchall()
    assert passed == [("b", "liver")]
