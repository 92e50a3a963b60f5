"""Every question of docs/how-to/questions.md gets an answer, right where it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from jobs.query import main
from stats.query import add_file, ask, confine, connect
from tests.support.question_cohort import AGAIN, PEOPLE, TWICE, write_question_cohort

DOCS = Path(__file__).parents[2] / "docs" / "how-to"
PAGE = (DOCS / "questions.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^```sql\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cohort")
    write_question_cohort(place)
    return place


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    tables, files = str(folder / "tables"), {"labs": folder / "labs.csv"}
    with connect(tables) as database:
        add_file(database, "labs", files["labs"])
        confine(database, tables, files)
        yield database


def _answer(database: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = ask(database, sql).to_pylist()
    return rows


def _question(number: int) -> str:
    section = PAGE.split(f"## {number}. ")[1].split("\n## ")[0]
    return section.split("```sql\n")[1].split("```")[0]


def test_there_are_fifteen_questions() -> None:
    assert [int(n) for n in re.findall(r"^## (\d+)\. ", PAGE, flags=re.M)] == list(range(1, 16))


@pytest.mark.parametrize("sql", QUESTIONS, ids=range(len(QUESTIONS)))
def test_each_question_has_an_answer(database: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert _answer(database, sql)


def test_the_planted_fall_of_muscle_density_comes_out(database: duckdb.DuckDBPyConnection) -> None:
    for row in _answer(database, _question(8)):
        assert row["hu_per_decade"] == pytest.approx(-5.0, abs=0.6)


def test_the_planted_difference_of_two_methods_comes_out(
    database: duckdb.DuckDBPyConnection,
) -> None:
    for row in _answer(database, _question(12)):
        assert (row["old"], row["new"], row["mean_percent"]) == ("v1", "v2", 0.5)


def test_each_patient_with_two_cts_is_compared_once(database: duckdb.DuckDBPyConnection) -> None:
    sql = _question(7).replace("AND change_ml IS NOT NULL", "")
    assert len(_answer(database, sql)) == TWICE


def test_the_wide_table_has_a_row_a_ct_however_often_it_was_measured(
    database: duckdb.DuckDBPyConnection,
) -> None:
    rows = _answer(database, _question(10))
    assert len(rows) == PEOPLE + TWICE
    [newer] = _answer(database, "SELECT count(*) AS n FROM wide WHERE pipeline_version = 'v2'")
    assert newer["n"] == AGAIN


def test_percentiles_are_between_0_and_100_of_at_least_one_other(
    database: duckdb.DuckDBPyConnection,
) -> None:
    for row in _answer(database, _question(15)):
        assert 0 <= float(str(row["percentile"])) <= 100
        assert int(str(row["people"])) >= 1


def test_the_command_for_r_writes_the_file(folder: Path) -> None:
    out = folder / "volumes.csv"
    arguments = ["--tables", str(folder / "tables"), "--format", "csv", "--out", str(out)]
    assert CliRunner().invoke(main, [*arguments, "SELECT * FROM wide"]).exit_code == 0
    assert len(out.read_text().splitlines()) == 1 + PEOPLE + TWICE


def test_a_file_of_the_users_joins_on_the_command_line(folder: Path) -> None:
    arguments = ["--tables", str(folder / "tables"), "--file", f"labs={folder / 'labs.csv'}"]
    result = CliRunner().invoke(main, [*arguments, "SELECT count(*) AS n FROM labs"])
    assert (result.exit_code, result.stdout.split()[:3]) == (0, ["n", "--", "75"])
