"""Every question of docs/how-to/questions.md gets the right answer, on an archive full of traps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.stats import percentileofscore

from jobs.query import main
from stats.query import add_file, ask, confine, connect
from stats.tables.commit import Batch, CohortTables, Stamp
from tests.support.question_cohort import (
    AGAIN,
    DAYS_BETWEEN,
    FAILED_QC,
    LOSS_ML,
    PEOPLE,
    TWICE,
    write_question_cohort,
)

DOCS = Path(__file__).parents[2] / "docs" / "how-to"
PAGE = (DOCS / "questions.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^```sql\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    place = tmp_path_factory.mktemp("cohort")
    return place, write_question_cohort(place)


@pytest.fixture(scope="module")
def folder(planted: tuple[Path, pd.DataFrame]) -> Path:
    return planted[0]


@pytest.fixture(scope="module")
def rows(planted: tuple[Path, pd.DataFrame]) -> pd.DataFrame:
    """All that was measured by the method that counts, in CTs that did not fail.

    `ml` and `hu` are what counts; `person` and `visit` as the page says. No code of ours in it.
    """
    rows = planted[1].query("qc != 'fail'").copy()
    whole = (rows["status"] == "ok") & rows["volume_ml"].notna()
    rows["ml"], rows["hu"] = rows["volume_ml"].where(whole), rows["hu_mean"]
    rows["person"] = rows["patient_key"].fillna(rows["series_key"])
    return rows


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    tables, files = str(folder / "tables"), {"labs": folder / "labs.csv"}
    with connect(tables) as database:
        add_file(database, "labs", files["labs"])
        confine(database, tables, files)
        yield database


def _best(rows: pd.DataFrame, of: str) -> pd.DataFrame:
    """Of each person or visit and structure the scan that shows it best, by pandas."""
    order = rows.assign(
        cut=rows["ml"].isna(), blind=rows["hu"].isna(),
        off=(rows["slice_thickness_mm"] - 1.5).abs(),
    ).sort_values(["cut", "blind", "off", "series_key"])  # fmt: skip
    return order.drop_duplicates([of, "structure"])


def _answer(database: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = ask(database, sql).to_pylist()
    return rows


def _frame(database: duckdb.DuckDBPyConnection, number: int, which: int = 0) -> pd.DataFrame:
    """The answer to the question of that number, or to the next ones in its section."""
    section = PAGE.split(f"## {number}. ")[1].split("\n## ")[0]
    return ask(database, section.split("```sql\n")[1 + which].split("```")[0]).to_pandas()


def test_there_are_fifteen_questions() -> None:
    assert [int(n) for n in re.findall(r"^## (\d+)\. ", PAGE, flags=re.M)] == list(range(1, 16))


@pytest.mark.parametrize("sql", QUESTIONS, ids=range(len(QUESTIONS)))
def test_each_question_has_an_answer(database: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert _answer(database, sql)


def test_1_aortas_are_those_of_people(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    aortas = _best(rows, "person").query("structure == 'aorta' and ml.notna()")
    expected = aortas.assign(decade=aortas["age_years"] // 10 * 10).groupby(
        ["decade", "sex"], dropna=False
    )["ml"]
    found = _frame(database, 1)
    assert found["people"].sum() == len(aortas)
    assert sorted(found["mean_ml"]) == sorted(expected.mean().round(1))


def test_2_fatty_livers_are_counted_in_native_cts(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    livers = rows.query("structure == 'liver' and contrast_phase == 'native' and hu.notna()")
    chosen = _best(rows, "person").query("structure == 'liver' and contrast_phase == 'native'")
    assert _frame(database, 2)["people"].sum() == chosen["hu"].notna().sum()
    first = livers.sort_values(["slice_thickness_mm", "series_key"]).drop_duplicates("person")
    (people, percent) = _frame(database, 2, which=1).iloc[0]
    assert (people, percent) == (len(first), round(100 * (first["hu"] < 40).mean(), 1))
    assert 10 < percent < 30  # a fifth was planted


def test_3_kidneys_are_compared_within_one_ct_and_an_absent_one_is_told(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    kidneys = rows[rows["structure"].str.startswith("kidney")]
    wide = kidneys.pivot_table("ml", ["series_key", "person"], "structure", dropna=False)
    wide = wide.dropna(how="all").reset_index()
    left, right = wide["kidney_left"], wide["kidney_right"]
    differ = (left - right).abs() / wide[["kidney_left", "kidney_right"]].max(axis=1) > 1 / 3
    missing = set(kidneys.query("status == 'absent'")["series_key"])
    alone = wide["series_key"].isin(missing) & (left.notna() | right.notna())
    found = _frame(database, 3)
    assert len(found) == wide[differ | alone]["person"].nunique()
    assert found["one_is_absent"].any()


def test_4_the_last_night_is_the_last(database: duckdb.DuckDBPyConnection) -> None:
    [night] = _answer(database, _sql(4))
    assert (night["run_id"], night["cts_done"]) == ("night-2", AGAIN)


def test_5_failures_are_those_of_the_night_that_had_them(
    database: duckdb.DuckDBPyConnection,
) -> None:
    assert _frame(database, 5)["cts"].tolist() == [3, 3, 3]


def test_6_every_finding_of_the_method_that_counts_is_a_row(
    database: duckdb.DuckDBPyConnection, planted: tuple[Path, pd.DataFrame]
) -> None:
    assert len(_frame(database, 6)) == planted[1]["qc_reasons"].notna().sum()


def test_7_the_planted_change_between_two_visits_comes_out(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    best = _best(rows.query("structure == 'spleen'"), "study_key")
    best = best.query("ml.notna() and scan_day.notna() and patient_key.notna()")
    visits = best.groupby("patient_key")["study_key"].nunique()
    found = _frame(database, 7)
    assert set(found["patient_key"]) == set(visits[visits == 2].index)
    assert (found["to_day"] - found["from_day"] == DAYS_BETWEEN).all()
    assert found["change_ml"].median() == pytest.approx(-LOSS_ML, abs=0.1)
    (once, again, without) = _frame(database, 7, which=1).iloc[0]
    # nobody twice for thin and thick slices of one visit
    assert (once, again) == (PEOPLE - 3 - TWICE, TWICE)
    assert without == rows.query("patient_key.notna() and scan_day.isna()")["person"].nunique()


def test_7_two_studies_of_one_day_are_one_and_always_the_same(tmp_path: Path) -> None:
    facts = {"patient_key": "p", "label_schema": "paper104"}
    spleen = {"structure": "spleen", "label_schema": "paper104", "status": "ok", "hu_mean": 50.0}
    scans, structures = [], []
    for key, day, mm, ml in (("a", 0, 5.0, 300.0), ("b", 0, 1.0, 200.0), ("c", 365, 5.0, 210.0)):
        when = {"study_key": key, "scan_day": 4711 + day, "slice_thickness_mm": mm}
        scans.append({"series_key": key, **facts, **when})
        structures.append({"series_key": key, **spleen, "volume_ml": ml})
    stamp = Stamp("night", "2026-01-30", "v1")
    CohortTables(str(tmp_path)).commit(Batch(scans=scans, structures=structures), stamp)
    with connect(str(tmp_path)) as database:
        found = _frame(database, 7)
    assert found[["from_day", "to_day", "change_ml"]].to_numpy().tolist() == [[0, 365, 10]]


def test_8_the_planted_fall_of_muscle_density_comes_out(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    found = _frame(database, 8)
    muscles = _best(rows, "person").query("structure == 'autochthon_left' and age_years.notna()")
    assert found["people"].sum() == len(muscles)
    for row in found.dropna(subset=["sex"]).itertuples():
        mine = muscles[muscles["sex"] == row.sex]
        slope = 10 * np.polyfit(mine["age_years"], mine["hu"], 1)[0]
        assert row.hu_per_decade == pytest.approx(slope, abs=0.051)
        assert slope == pytest.approx(-5.0, abs=1.2)  # three standard errors of 60 people


def test_9_cut_structures_are_counted_by_cts_that_did_not_fail(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    found = _frame(database, 9).set_index("structure")
    seen = rows[rows["status"] != "absent"].groupby("structure")["status"]
    assert found["seen"].to_dict() == seen.size().to_dict()
    percent = seen.apply(lambda status: round(100 * (status == "truncated").mean(), 1))
    assert found["cut_percent"].to_dict() == percent.to_dict()


def test_10_the_wide_table_has_a_row_a_ct_however_often_it_was_measured(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    found = _frame(database, 10)
    assert sorted(found["series_key"]) == sorted(rows["series_key"].unique())
    livers = rows.query("structure == 'liver'").set_index("series_key")["ml"].sort_index()
    assert found.set_index("series_key")["liver_ml"].sort_index().equals(livers.rename("liver_ml"))


def test_11_laboratory_values_meet_people_once(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    chosen = _best(rows, "person").query("structure == 'liver' and contrast_phase == 'native'")
    with_labs = {f"patient-{number:03d}" for number in range(0, PEOPLE, 2)}
    assert _frame(database, 11)["people"].sum() == chosen["patient_key"].isin(with_labs).sum()
    (without, patients) = _frame(database, 11, which=1).iloc[0]
    assert (without, patients) == (PEOPLE - 3 - 73, PEOPLE - 3)  # 140 and 142 have labs, no key


def test_12_the_planted_difference_of_two_methods_comes_out(
    database: duckdb.DuckDBPyConnection,
) -> None:
    for row in _answer(database, _sql(12)):
        assert (row["old"], row["new"], row["mean_percent"]) == ("v1", "v2", 0.5)


def test_13_the_middle_is_that_of_people_and_unknown_sex_is_looked_at(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    best = _best(rows, "person").assign(sex=lambda r: r["sex"].fillna("?"))
    middle = best.groupby(["structure", "sex"])["ml"].median().round(1)
    found = _frame(database, 13).merge(rows[["series_key", "structure", "sex"]].fillna("?"))
    for row in found.itertuples():
        assert row.median_ml == middle[row.structure, row.sex]
    every = _sql(13).replace("LIMIT 10", "")
    assert len(_answer(database, every)) == rows["ml"].notna().sum()


def test_14_silent_headers_are_unknown_and_not_a_no(
    database: duckdb.DuckDBPyConnection, planted: tuple[Path, pd.DataFrame]
) -> None:
    cts = planted[1].drop_duplicates("series_key")
    found = _frame(database, 14).sum(numeric_only=True)
    said = cts["contrast_agent"].value_counts()
    assert (found["with_agent"], found["without_agent"]) == (said["yes"], said["no"])
    assert found["silent"] == cts["contrast_agent"].isna().sum() > 0
    assert found["measured_native"] == (cts["contrast_phase"] == "native").sum()


def test_15_a_patient_is_compared_with_people_and_not_with_himself(
    database: duckdb.DuckDBPyConnection, rows: pd.DataFrame
) -> None:
    own = rows.query("series_key == 'ct-017' and structure == 'liver'").iloc[0]
    others = _best(rows, "person").query("structure == 'liver' and ml.notna()")
    others = others[(others["sex"] == own["sex"]) & (others["person"] != own["person"])]
    others = others[(others["age_years"] - own["age_years"]).abs() <= 5]["ml"]
    (volume_ml, people, percentile) = _frame(database, 15).iloc[0]
    assert (volume_ml, people) == (round(own["ml"], 1), len(others))
    assert percentile == pytest.approx(percentileofscore(others, own["ml"], "mean"), abs=0.06)


def test_what_a_question_does_not_count_is_said(folder: Path) -> None:
    result = CliRunner().invoke(main, ["--tables", str(folder / "tables"), "SELECT 1"])
    assert f"{FAILED_QC} CTs failed quality control and do not count" in result.stderr
    options = ("--pipeline-version", "v2", "--keep-failed-qc")
    sql = "SELECT count(*) AS n FROM wide"
    result = CliRunner().invoke(main, ["--tables", str(folder / "tables"), *options, sql])
    assert "180 CTs were measured by others alone and do not" in result.stderr
    assert result.stdout.split()[:3] == ["n", "--", str(AGAIN)]


def test_the_command_for_r_writes_the_file(folder: Path, rows: pd.DataFrame) -> None:
    out = folder / "volumes.csv"
    arguments = ["--tables", str(folder / "tables"), "--format", "csv", "--out", str(out)]
    assert CliRunner().invoke(main, [*arguments, "SELECT * FROM wide"]).exit_code == 0
    assert len(out.read_text().splitlines()) == 1 + rows["series_key"].nunique()


def test_a_file_of_the_users_joins_on_the_command_line(folder: Path) -> None:
    arguments = ["--tables", str(folder / "tables"), "--file", f"labs={folder / 'labs.csv'}"]
    result = CliRunner().invoke(main, [*arguments, "SELECT count(*) AS n FROM labs"])
    assert (result.exit_code, result.stdout.split()[:3]) == (0, ["n", "--", "75"])


def _sql(number: int) -> str:
    section = PAGE.split(f"## {number}. ")[1].split("\n## ")[0]
    return section.split("```sql\n")[1].split("```")[0]
