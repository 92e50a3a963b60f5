"""What counts is said once: changed there, it changes every view, command and question."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.aging import main as aging
from jobs.percentile import main as percentile
from jobs.query import main as query
from jobs.report import main as report
from stats.compaction import refresh_wide
from stats.query import connect
from stats.sql import what_counts
from stats.tables.commit import Batch, CohortTables, Stamp

QUESTIONS = (Path(__file__).parents[2] / "docs" / "how-to" / "questions.md").read_text(
    encoding="utf-8"
)
STAMP = Stamp(run_id="run", run_date="2026-02-01", pipeline_version="v1")
PEOPLE = 30
LARGE_ML = 190.0
"""Of 30 aortas of 171 to 200 ml ten are larger."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Aortas that all count today, and the stored table behind `wide`."""
    uri = str(tmp_path_factory.mktemp("tables") / "t")
    keys = [f"ct-{n:02d}" for n in range(PEOPLE)]
    of_all = {"label_schema": "paper104", "structure": "aorta", "status": "ok", "voxel_count": 9}
    scans = [
        {"series_key": key, "age_years": 40.0 + n / 10, "sex": "F", "label_schema": "paper104"}
        for n, key in enumerate(keys)
    ]
    rows = [
        {**of_all, "series_key": key, "volume_ml": 171.0 + n, "hu_mean": 50.0 + n % 7}
        for n, key in enumerate(keys)
    ]
    CohortTables(uri).commit(Batch(scans=scans, structures=rows), STAMP)
    refresh_wide(uri)
    return uri


def _written(command: object, tables: str, out: Path, *options: str) -> str:
    done = CliRunner().invoke(command, ["--tables", tables, "--out", str(out), *options])  # type: ignore[arg-type]
    assert done.exit_code == 0, done.output
    return out.read_text(encoding="utf-8") if out.is_file() else ""


def _counted(tables: str, folder: Path) -> dict[str, object]:
    """How many aortas each consumer counts."""
    folder.mkdir()
    question = QUESTIONS.split("## 1. ")[1].split("```sql\n")[1].split("```")[0]
    wide = """SELECT (SELECT count(aorta_ml) FROM wide) AS ml,
                     (SELECT count(aorta_hu) FROM wide_hu) AS hu"""
    page = _written(report, tables, folder / "report.html")
    _written(aging, tables, folder / "aging", "--figures", "none")
    one = _written(percentile, tables, folder / "one.json", "--scan", "ct-00", "--format", "json")
    with connect(tables) as database:
        sql = f"SELECT measure, n FROM '{folder}/aging/aging.parquet' WHERE structure = 'aorta'"
        study = dict(database.sql(sql).fetchall())
    return {
        "wide": json.loads(_written(query, tables, folder / "w.json", "--format", "json", wide)),
        "question": json.loads(
            _written(query, tables, folder / "q.json", "--format", "json", question)
        )[0]["people"],
        "percentile": json.loads(one)[0]["volume_ml_n"],
        "aging": study,
        "report": re.findall(r'<td class="n soft">(\d+)</td>', page)[:2],
    }


def _expected(n: int) -> dict[str, object]:
    return {
        "wide": [{"ml": n, "hu": n}],
        "question": n,
        "percentile": n - 1,
        "aging": {"volume_ml": n, "hu_mean": n},
        "report": [str(n), str(n)],
    }


def test_the_rule_changed_in_its_one_place_changes_all_that_counts(
    tables: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _counted(tables, tmp_path / "before") == _expected(PEOPLE)
    stricter = f"CASE WHEN volume_ml > {LARGE_ML} THEN 'below_cutoff'"
    rule = what_counts._EXCLUDED_BY.replace("CASE", stricter, 1)
    monkeypatch.setattr(what_counts, "_EXCLUDED_BY", rule)
    assert _counted(tables, tmp_path / "after") == _expected(PEOPLE - 10)


def test_each_reason_of_the_rule_has_its_meaning() -> None:
    assert set(re.findall(r"THEN '(\w+)'", what_counts.counted_columns())) == set(
        what_counts.REASONS
    )


def test_a_stored_wide_table_of_another_rule_is_made_again(
    tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refresh_wide(tables) == 0
    monkeypatch.setattr(what_counts, "_EXCLUDED_BY", what_counts._EXCLUDED_BY + " /* other */")
    assert refresh_wide(tables) == PEOPLE


@pytest.mark.parametrize(
    ("status", "volume_ml", "counts", "reasons"),
    [
        ("ok", 1500.0, (1500.0, 50.0), (None, None)),
        ("truncated", 1500.0, (None, 50.0), ("truncated", None)),
        ("truncated", 99.0, (None, None), ("below_cutoff", "below_cutoff")),
        ("implausible", 99.0, (None, None), ("below_cutoff", "below_cutoff")),
        ("absent", None, (None, None), ("absent", "absent")),
    ],
)
def test_a_volume_counts_of_a_whole_liver_and_hu_also_of_a_cut_one(
    status: str,
    volume_ml: float | None,
    counts: tuple[float | None, ...],
    reasons: tuple[str | None, ...],
    tmp_path: Path,
) -> None:
    row = {"series_key": "a", "structure": "liver", "label_schema": "paper104", "status": status}
    row |= {"volume_ml": volume_ml, "hu_mean": volume_ml and 50.0}  # type: ignore[dict-item]
    batch = Batch(scans=[{"series_key": "a"}], structures=[row])
    CohortTables(str(tmp_path)).commit(batch, STAMP)
    with connect(str(tmp_path)) as database:
        [found] = database.sql(
            f"SELECT {', '.join(what_counts.COUNTED_NAMES)} FROM latest"
        ).fetchall()
    assert found == counts + reasons
