"""People are counted and not scans, of one method, and nothing that quality control failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from jobs.aging import main as aging
from jobs.percentile import main as percentile
from jobs.query import main as query
from segment_actor.errors import SetupError
from stats.compaction import refresh_wide
from stats.query import connect
from stats.sql.who_counts import WhoCounts, in_words
from stats.study.candidates import Only, Selection
from stats.study.selection import select_cohort
from stats.tables.commit import Batch, CohortTables, Row, Stamp
from tests.support.synthetic_cohort import SyntheticCohort, write_synthetic_cohort

OLD = Stamp(run_id="run-1", run_date="2026-01-31", pipeline_version="v1")
NEW = Stamp(run_id="run-2", run_date="2026-02-01", pipeline_version="v2")
MUSCLES = ("gluteus_minimus_left", "autochthon_left", "hip_left", "aorta")


def _scan(key: str, patient: str | None = None, **columns: Any) -> Row:
    return {"series_key": key, "patient_key": patient, "label_schema": "paper104", **columns}


def _row(key: str, ml: float | None = 1500.0, **columns: Any) -> Row:
    status = "absent" if ml is None else "ok"
    hu = None if ml is None else 50.0
    row = {"series_key": key, "structure": "liver", "label_schema": "paper104", "status": status}
    return {**row, "volume_ml": ml, "hu_mean": hu, "voxel_count": 9, **columns}


def _commit(place: Path, scans: list[Row], rows: list[Row], stamp: Stamp = OLD) -> str:
    CohortTables(str(place)).commit(Batch(scans=scans, structures=rows), stamp)
    return str(place)


def _chosen(tables: str, view: str = "one_scan_a_patient") -> set[str]:
    with connect(tables) as database:
        return {key for (key,) in database.sql(f"SELECT series_key FROM {view}").fetchall()}


# --- which scan of a patient


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (("b", {}, {}), ("a", {}, {"status": "truncated"})),
        (("b", {}, {"status": "truncated"}), ("a", {}, {"ml": None})),
        (("b", {"slice_thickness_mm": 1.0}, {}), ("a", {"slice_thickness_mm": 5.0}, {})),
        (("b", {"spacing_k_mm": 1.0}, {}), ("a", {"slice_thickness_mm": 5.0}, {})),
        (("b", {"slice_thickness_mm": 9.0}, {}), ("a", {}, {})),
        (("b", {"kernel": "soft"}, {}), ("a", {"kernel": None}, {})),
        (("b", {"kernel": None}, {}), ("a", {"kernel": "sharp"}, {})),
        (("a", {"age_years": 40.0}, {}), ("b", {"age_years": 60.0}, {})),
        (("b", {"qc": "warn"}, {}), ("a", {"qc": "fail"}, {})),
        (("b", {}, {"qc": "warn"}), ("a", {}, {"qc": "fail"})),
    ],
    ids=[
        "whole",
        "seen",
        "thin",
        "distance",
        "known",
        "soft",
        "unknown",
        "hash",
        "passed",
        "unfailed",
    ],
)
def test_of_a_patients_scans_the_better_one_counts(
    better: tuple[str, Row, Row], worse: tuple[str, Row, Row], tmp_path: Path
) -> None:
    both = (worse, better)
    scans = [_scan(key, "p", **facts) for key, facts, _ in both]
    rows = [_row(key, **values) for key, _, values in both]  # type: ignore[arg-type]
    assert _chosen(_commit(tmp_path, scans, rows)) == {better[0]}


@pytest.mark.parametrize(("spacing_mm", "thickness_mm"), [(1.5, 1.0), (3.0, 3.5)])
def test_thickness_is_compared_with_the_grid_of_the_models(
    spacing_mm: float, thickness_mm: float, tmp_path: Path
) -> None:
    thick = {"b": 1.0, "a": 3.5}
    scans = [
        _scan(key, "p", slice_thickness_mm=mm, model_spacing_mm=spacing_mm)
        for key, mm in thick.items()
    ]
    [chosen] = _chosen(_commit(tmp_path, scans, [_row("a"), _row("b")]))
    assert thick[chosen] == thickness_mm


def test_each_structure_takes_the_scan_that_shows_it(tmp_path: Path) -> None:
    scans = [_scan("head", "p", age_years=40.0), _scan("trunk", "p", age_years=60.0)]
    rows = [
        _row("head", None), _row("head", 1400.0, structure="brain"),
        _row("trunk"), _row("trunk", None, structure="brain"),
    ]  # fmt: skip
    with connect(_commit(tmp_path, scans, rows)) as database:
        sql = "SELECT structure, age_years FROM one_scan_a_patient ORDER BY 1"
        assert database.sql(sql).fetchall() == [("brain", 40.0), ("liver", 60.0)]


def test_series_without_a_patient_are_people_of_their_own(tmp_path: Path) -> None:
    scans = [_scan("a"), _scan("b"), _scan("c", "p"), _scan("d", "p")]
    tables = _commit(tmp_path, scans, [_row(key) for key in "abcd"])
    assert _chosen(tables) == {"a", "b", "c"}


def test_a_visit_is_a_study_or_the_scans_of_one_patient_on_one_day(tmp_path: Path) -> None:
    scans = [
        _scan("a", "p", study_key="s", scan_day=7), _scan("b", "p", study_key="s", scan_day=7),
        _scan("c", "p", scan_day=9), _scan("d", "p", scan_day=9), _scan("e", "p", scan_day=20),
        _scan("f", "q", scan_day=9), _scan("g", "q"), _scan("h"),
    ]  # fmt: skip
    tables = _commit(tmp_path, scans, [_row(key) for key in "abcdefgh"])
    assert _chosen(tables, "one_scan_a_study") == set("acefgh")
    with connect(tables) as database:
        sql = "SELECT series, days_since_first_scan FROM studies WHERE patient_key = 'p' ORDER BY 2"
        assert database.sql(sql).fetchall() == [(2, 0), (2, 2), (1, 13)]


def test_days_are_counted_within_a_patient_and_nobody_elses(tmp_path: Path) -> None:
    scans = [
        _scan("a", "p", scan_day=1000), _scan("b", "p", scan_day=1091), _scan("c", "q", scan_day=5),
        _scan("d", None, scan_day=5), _scan("e", None, scan_day=99), _scan("f", "q"),
    ]  # fmt: skip
    with connect(_commit(tmp_path, scans, [])) as database:
        sql = "SELECT days_since_first_scan FROM latest_scans ORDER BY series_key"
        found = [days for (days,) in database.sql(sql).fetchall()]
    assert found == [0, 91, 0, None, None, None]


# --- which method


def _two_methods(place: Path) -> str:
    """v1 has measured a, b and c; v2 a, which it measures 100 ml more, and b failed."""
    _commit(place, [_scan(key) for key in "abc"], [_row(key) for key in "abc"])
    tables = CohortTables(str(place))
    failed = [{"series_key": "b", "code": "out_of_memory", "sentence": "Too large."}]
    batch = Batch(scans=[_scan("a")], structures=[_row("a", 1600.0)], failures=failed)
    tables.commit(batch, NEW)
    return str(place)


@pytest.mark.parametrize("compacted", [False, True])
def test_a_new_method_counts_once_it_has_seen_all(tmp_path: Path, *, compacted: bool) -> None:
    tables = _two_methods(tmp_path)
    if compacted:
        refresh_wide(tables)
    for view in ("latest", "wide", "one_scan_a_patient"):
        assert _chosen(tables, view) == {"a", "b", "c"}
    _commit(tmp_path, [_scan("c")], [_row("c", 1600.0)], NEW)
    for view in ("latest", "wide", "one_scan_a_patient"):
        assert _chosen(tables, view) == {"a", "c"}
    with connect(tables) as database:
        assert database.sql("SELECT DISTINCT liver_ml FROM wide").fetchall() == [(1600.0,)]
        sql = "SELECT pipeline_version, series_measured, series_seen, counts FROM versions"
        found = database.sql(f"{sql} ORDER BY 1").fetchall()
        (flow,) = [s for s in select_cohort(database, None, Selection()).flow if "meas" in s.step]
    assert found == [("v1", 3, 3, False), ("v2", 2, 3, True)]
    assert (flow.excluded, flow.left) == (1, 2)  # b could not be measured


def test_a_method_that_failed_nearly_everywhere_does_not_count(tmp_path: Path) -> None:
    keys = "abcdef"
    tables = _commit(tmp_path, [_scan(key) for key in keys], [_row(key) for key in keys])
    failed = [{"series_key": k, "code": "out_of_memory", "sentence": "Too large."} for k in "cdef"]
    batch = Batch(scans=[_scan(k) for k in "ab"], structures=[_row("a")], failures=failed)
    CohortTables(tables).commit(batch, NEW)
    assert _chosen(tables) == set(keys)
    _commit(tmp_path, [_scan("c")], [_row("c")], NEW)  # half of them
    assert _chosen(tables, "latest_scans") == {"a", "b", "c"}


def test_another_method_can_be_asked_for_and_who_is_lost_is_said(tmp_path: Path) -> None:
    tables = _two_methods(tmp_path)
    with connect(tables, who=WhoCounts(pipeline_version="v2")) as database:
        assert database.sql("SELECT whole_ml FROM latest").fetchall() == [(1600.0,)]
        [sentence] = in_words(database)
        flow = select_cohort(database, None, Selection()).flow
    assert sentence.startswith("2 methods have measured CTs of these tables. Pipeline version v2 ")
    assert "2 CTs were measured by others alone" in sentence
    assert [(step.excluded, step.left) for step in flow[:3]] == [(0, 3), (1, 2), (1, 1)]
    with pytest.raises(SetupError, match="no CT was measured by pipeline version v9; there are"):
        connect(tables, who=WhoCounts(pipeline_version="v9"))


# --- what quality control failed


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, SyntheticCohort]:
    """3,000 patients, of whom 3 in 100 have HU of a thousandth and failed quality control."""
    tables = str(tmp_path_factory.mktemp("planted") / "tables")
    return tables, write_synthetic_cohort(tables, 3000, MUSCLES, failed_qc_share=0.03)


def _study(tables: str, out: Path, *options: str) -> pd.DataFrame:
    arguments = ["--tables", tables, "--out", str(out), "--figures", "none", *options]
    done = CliRunner().invoke(aging, arguments)
    assert done.exit_code == 0, done.output
    return pd.read_parquet(out / "aging.parquet").set_index(["structure", "measure"])


def test_every_planted_correlation_is_found_though_3_in_100_failed(
    planted: tuple[str, SyntheticCohort], tmp_path: Path
) -> None:
    tables, cohort = planted
    rows = _study(tables, tmp_path)
    truth = pd.Series(cohort.planted).reindex(rows.index)
    assert truth.between(rows["ci_low"], rows["ci_high"]).all()
    flow = pd.read_csv(tmp_path / "flow.csv").set_index("step")["excluded"]
    assert flow["quality control failed the CT (view qc_findings)"] == 93  # of 3,063
    kept = _study(tables, tmp_path, "--keep-failed-qc")
    assert (kept["n"] - rows["n"] > 80).all()
    hu = kept.xs("hu_mean", level="measure")
    gluteus = hu.loc["gluteus_minimus_left"]
    assert not gluteus["ci_low"] < cohort.planted["gluteus_minimus_left", "hu_mean"]


def test_a_structure_that_failed_is_left_out_of_a_ct_that_did_not(tmp_path: Path) -> None:
    rows = [_row("a", qc="fail"), _row("a", 200.0, structure="spleen", qc="pass")]
    with connect(_commit(tmp_path, [_scan("a", qc="warn")], rows)) as database:
        sql = "SELECT liver_ml, spleen_ml FROM wide"
        assert database.sql(sql).fetchall() == [(None, 200.0)]
        sql = "SELECT volume_excluded_by, hu_excluded_by FROM latest WHERE structure = 'liver'"
        assert database.sql(sql).fetchall() == [("failed_qc", "failed_qc")]
    with connect(str(tmp_path), who=WhoCounts(keep_failed_qc=True)) as database:
        assert database.sql("SELECT liver_ml FROM wide").fetchall() == [(1500.0,)]


def test_stray_voxels_are_no_volume_of_a_structure_without_a_cut_off(tmp_path: Path) -> None:
    row = _row("a", 0.2, structure="heart", label_schema="total_v2", qc_reasons="remnant")
    with connect(_commit(tmp_path, [_scan("a")], [row])) as database:
        sql = "SELECT whole_ml, usable_hu, volume_excluded_by FROM latest"
        assert database.sql(sql).fetchall() == [(None, None, "below_cutoff")]


# --- percentiles and reference values


def _thick_and_thin(place: Path) -> str:
    """480 men of 40 to 59, each with a thin and a thick series, a tenth more in the thick one."""
    scans, rows = [], []
    for n in range(480):
        for key, mm, more in ((f"{n:03d}-a", 5.0, 1.1), (f"{n:03d}-b", 1.5, 1.0)):
            facts = {"age_years": 40.0 + n % 20, "sex": "M", "slice_thickness_mm": mm}
            facts |= {"qc": "fail" if n % 80 == 7 else "pass"}
            facts |= {"contrast_phase": "native" if n % 2 else "arterial"}
            scans.append(_scan(key, f"p{n:03d}", **facts))
            rows.append(_row(key, (1400.0 + n) * more))
    return _commit(place / "tables", scans, rows)


@pytest.mark.parametrize("compacted", [False, True])
def test_a_percentile_and_the_reference_count_the_same_people(
    tmp_path: Path, *, compacted: bool
) -> None:
    tables = _thick_and_thin(tmp_path)
    if compacted:
        refresh_wide(tables)
    _study(tables, tmp_path / "aging")
    reference = pd.read_csv(tmp_path / "aging" / "reference.csv")
    of_men = reference.query("sex == 'M' and measure == 'volume_ml'").set_index("age_years")["n"]
    for series, age in (("010-b", 50), ("010-a", 50), ("005-a", 45)):
        out = tmp_path / "one.csv"
        arguments = ["--tables", tables, "--scan", series, "--out", str(out)]
        assert CliRunner().invoke(percentile, arguments).exit_code == 0
        row = pd.read_csv(out).iloc[0]
        assert row["volume_ml_n"] == of_men[age] - 1  # himself
        assert row["volume_ml_percentile_low"] < row["volume_ml_percentile"]
        assert row["volume_ml_percentile"] < row["volume_ml_percentile_high"]


def test_a_percentile_can_be_among_people_of_one_phase(tmp_path: Path) -> None:
    tables, out = _thick_and_thin(tmp_path), tmp_path / "one.csv"
    arguments = ["--tables", tables, "--scan", "010-b", "--out", str(out)]
    n = {}
    for only in ((), ("--only", "contrast_phase=native"), ("--only", "contrast_phase=late,x")):
        assert CliRunner().invoke(percentile, [*arguments, *only]).exit_code == 0
        n[only[1:]] = pd.read_csv(out).iloc[0]["volume_ml_n"]
    # men of 45 to 55 are native at 45, 47, ... 55 years, 24 of each year; 6 of 47 failed
    assert n["contrast_phase=native",] == 6 * 24 - 6
    assert n[()] == 6 * 24 - 6 + 5 * 24 - 1
    assert n["contrast_phase=late,x",] == 0


# --- what is not known


def _phases(place: Path) -> str:
    """60 people: 20 with contrast agent by the header, 40 of whom it is silent."""
    scans = [
        _scan(
            f"ct-{n:02d}", age_years=30.0 + n, sex="F", kvp=120.0,
            contrast_agent="yes" if n < 20 else None,
            contrast_phase=("arterial", "late", "unknown")[n % 3],
        )
        for n in range(60)
    ]  # fmt: skip
    rows = [_row(f"ct-{n:02d}", 1500.0 + (n * 37) % 60) for n in range(60)]
    return _commit(place / "tables", scans, rows)


@pytest.mark.parametrize(
    ("column", "adjusted_for", "n_adjusted", "note"),
    [
        ("contrast_agent", None, None, "contrast_agent is known of 20 of 60; contrast_agent is "
         "the same in all of whom it is known: not corrected for"),
        ("contrast_phase", "contrast_phase", 40, "contrast_phase is known of 40 of 60"),
        ("kvp", None, None, "kvp is the same in all of whom it is known: not corrected for"),
        ("kernel", None, None, "kernel is known of 0 of 60"),
    ],
)  # fmt: skip
def test_a_correction_says_of_whom_its_confounder_is_known(
    column: str, adjusted_for: str | None, n_adjusted: int | None, note: str, tmp_path: Path
) -> None:
    row = _study(_phases(tmp_path), tmp_path, "--adjust", column).loc["liver", "volume_ml"]
    assert (row["n"], row["note"]) == (60, note)
    found = [None if pd.isna(row[name]) else row[name] for name in ("adjusted_for", "n_adjusted")]
    assert found == [adjusted_for, n_adjusted]


def test_a_stratum_counts_who_is_not_in_it(tmp_path: Path) -> None:
    tables = _phases(tmp_path)
    options = ("--only", "contrast_phase=arterial,late", "--only", "kvp=120")
    row = _study(tables, tmp_path, *options).loc["liver", "volume_ml"]
    assert row["n"] == 40
    flow = pd.read_csv(tmp_path / "flow.csv").set_index("step")["excluded"]
    assert flow["not among those asked for (--only), or not known"] == 20
    with connect(tables) as database, pytest.raises(SetupError, match="no column phase"):
        select_cohort(database, None, Selection(only=[Only("phase", ("late",))]))
    wrong = CliRunner().invoke(percentile, ["--tables", tables, "--scan", "a", "--only", "kvp"])
    assert (wrong.exit_code, "give COLUMN=VALUE" in wrong.output) == (2, True)


def test_all_that_counts_is_said_with_nothing(tmp_path: Path) -> None:
    tables = _commit(tmp_path, [_scan("a", qc="pass")], [_row("a")])
    result = CliRunner().invoke(query, ["--tables", tables, "SELECT 1"])
    assert (result.exit_code, result.stderr) == (0, "")
