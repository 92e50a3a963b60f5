"""Questions get right answers, in a folder and on a real S3 server alike, or one clear sentence."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from jobs.query import main
from segment_actor.errors import SetupError
from stats.query import ask, connect
from stats.tables.commit import Batch, CohortTables, Stamp
from stats.tables.schema import SCHEMAS, TableName
from tests.support.seaweed import Seaweed, running_seaweed

OLD = Stamp(run_id="run-1", run_date="2026-01-31", pipeline_version="v1")
NEW = Stamp(run_id="run-2", run_date="2026-02-01", pipeline_version="v2")


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place for tables; the folder's name has what SQL would stumble over."""
    if request.param == "folder":
        return str(tmp_path / "the doctor's tables")
    request.getfixturevalue("seaweed").use(monkeypatch)
    return f"s3://tables/{uuid.uuid4().hex}"


@pytest.fixture
def tables(place: str) -> str:
    """Two CTs at an old method, one of them again at a new one, on two days."""
    committer = CohortTables(place)
    committer.commit(_batch({"ct-a": 1400.0, "ct-b": 1600.0}), OLD)
    committer.commit(_batch({"ct-a": 1500.0}), NEW)
    return place


def _batch(liver_ml: dict[str, float]) -> Batch:
    return Batch(
        scans=[{"series_key": key, "age_years": 61.5, "sex": "F"} for key in liver_ml],
        structures=[
            row
            for key, ml in liver_ml.items()
            for row in (_row(key, "liver", 9, ml, "ok"), _row(key, "spleen", 0, None, "absent"))
        ],
    )


def _row(key: str, name: str, n: int, ml: float | None, status: str) -> dict[str, object]:
    row = {"series_key": key, "structure": name, "voxel_count": n, "volume_ml": ml}
    return row | {"status": status, "label_schema": "paper104"}


def _answer(tables: str, sql: str) -> list[tuple[object, ...]]:
    with connect(tables) as database:
        return [tuple(row.values()) for row in ask(database, sql).to_pylist()]


def test_a_notebook_gets_the_time_of_a_run_in_utc(place: str) -> None:
    began = datetime(2026, 1, 31, 23, 30, tzinfo=timezone(timedelta(hours=1)))
    CohortTables(place).write_run({"started_at": began, "status": "finished"}, OLD)
    with connect(place) as database:
        answer = database.sql("SELECT started_at FROM runs").fetchall()
    assert answer == [(datetime(2026, 1, 31, 22, 30),)]  # without a zone, on purpose


def _run(tables: str, sql: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["--tables", tables, *options, sql])


def test_a_mean_over_both_days_is_right(tables: str) -> None:
    sql = "SELECT avg(volume_ml) FROM structures WHERE structure = 'liver'"
    assert _answer(tables, sql) == [(1500.0,)]


def test_not_measured_stays_null(tables: str) -> None:
    sql = "SELECT count(*), count(volume_ml) FROM structures WHERE structure = 'spleen'"
    assert _answer(tables, sql) == [(3, 0)]


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_empty_tables_have_all_columns_with_their_types(place: str, name: TableName) -> None:
    CohortTables(place)
    with connect(place) as database:
        empty = ask(database, f"SELECT * FROM {name}")
    assert empty.num_rows == 0
    assert empty.schema.names == SCHEMAS[name].names
    # an instant is in UTC, and without a zone
    wanted = [pa.timestamp("us") if pa.types.is_timestamp(t) else t for t in SCHEMAS[name].types]
    assert empty.schema.types == wanted


@pytest.mark.parametrize("name", ["scans", "structures"])
def test_filled_tables_have_the_same_columns_and_types(tables: str, name: TableName) -> None:
    with connect(tables) as database:
        full = ask(database, f"SELECT * FROM {name}")
    assert full.schema.names == SCHEMAS[name].names
    assert full.schema.types == SCHEMAS[name].types


def test_the_partition_column_is_a_text_that_can_be_asked_for(tables: str) -> None:
    sql = "SELECT DISTINCT run_date FROM structures WHERE run_date > '2026-01-31'"
    assert _answer(tables, sql) == [("2026-02-01",)]


def test_measurements_know_age_sex_and_kind_of_structure(tables: str) -> None:
    sql = """SELECT age_years, sex, category FROM measurements
             WHERE structure = 'liver' AND series_key = 'ct-b'"""
    assert _answer(tables, sql) == [(61.5, "F", "organ")]


def test_a_scan_measured_twice_is_not_doubled_by_the_views(tables: str) -> None:
    sql = "SELECT count(*), count(*) FILTER (structure = 'liver') FROM measurements"
    assert _answer(tables, sql) == [(6, 3)]


def test_latest_has_the_method_alone_that_has_seen_all(tables: str) -> None:
    sql = """SELECT series_key, volume_ml, pipeline_version FROM latest
             WHERE structure = 'liver' ORDER BY ALL"""
    assert _answer(tables, sql) == [("ct-a", 1400.0, "v1"), ("ct-b", 1600.0, "v1")]
    failed = {"series_key": "ct-b", "code": "truncated_file", "sentence": "Cut."}
    CohortTables(tables).commit(Batch(failures=[failed]), NEW)
    assert _answer(tables, sql) == [("ct-a", 1500.0, "v2")]


def test_replaced_files_in_the_folder_are_not_read(place: str) -> None:
    committer = CohortTables(place)
    committer.write_run({"status": "running"}, OLD)
    committer.write_run({"status": "finished"}, OLD)
    assert _answer(place, "SELECT status FROM runs") == [("finished",)]


def test_all_104_names_of_v1_can_be_asked_for_and_seven_have_no_counterpart(tables: str) -> None:
    sql = """SELECT count(*), count(v2.structure) FROM anatomy v1 LEFT JOIN anatomy v2
             ON v2.v1_name = v1.structure AND v2.label_schema = 'total_v2'
             WHERE v1.label_schema = 'total_v1'"""
    assert _answer(tables, sql) == [(104, 97)]


def test_the_dictionary_says_what_a_column_means(tables: str) -> None:
    sql = "SELECT unit FROM dictionary WHERE column_name = 'volume_ml'"
    assert _answer(tables, sql) == [("ml",)]


def test_pandas_gets_the_answer_too(tables: str) -> None:
    with connect(tables) as database:
        frame = database.sql("SELECT * FROM latest WHERE structure = 'liver'").df()
    assert frame["volume_ml"].sum() == 3000.0


def test_csv_has_an_empty_field_for_null(tables: str) -> None:
    sql = "SELECT structure, volume_ml FROM latest WHERE series_key = 'ct-b' ORDER BY 1"
    result = _run(tables, sql, "--format", "csv")
    assert list(csv.reader(io.StringIO(result.stdout))) == [
        ["structure", "volume_ml"], ["liver", "1600.0"], ["spleen", ""]
    ]  # fmt: skip


def test_json_is_a_list_of_objects_with_null_for_what_is_no_number(tables: str) -> None:
    sql = "SELECT 1 AS a, NULL AS b, 'nan'::DOUBLE AS c, DATE '2026-01-31' AS d"
    result = _run(tables, sql, "--format", "json")
    assert json.loads(result.stdout) == [{"a": 1, "b": None, "c": None, "d": "2026-01-31"}]


def test_parquet_to_stdout_and_to_a_file_hold_the_answer(tables: str, tmp_path: Path) -> None:
    sql, out = "SELECT volume_ml FROM structures ORDER BY 1", tmp_path / "answer.parquet"
    printed = _run(tables, sql, "--format", "parquet").stdout_bytes
    assert _run(tables, sql, "--format", "parquet", "--out", str(out)).exit_code == 0
    answers = pq.read_table(pa.BufferReader(printed)), pq.read_table(out)
    assert answers[0] == answers[1]
    assert answers[0]["volume_ml"].to_pylist() == [1400.0, 1500.0, 1600.0, None, None, None]


def test_the_table_is_aligned_and_says_null(tables: str) -> None:
    sql = "SELECT structure, volume_ml FROM latest WHERE series_key = 'ct-b' ORDER BY 1"
    assert _run(tables, sql).stdout == (
        "structure  volume_ml\n"
        "---------  ---------\n"
        "liver           1600\n"
        "spleen          NULL\n"
        "(2 rows)\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT nope FROM scans", '"nope" not found'),
        ("SELECT * FROM nothing_here", "nothing_here does not exist"),
        ("SELECT 'x'::INTEGER", "Could not convert"),
        ("", "is empty"),
        ("SELECT 1; SELECT 2", "one question at a time"),
        ("CREATE TABLE x (a INTEGER)", "beginning with SELECT"),
        ("COPY (SELECT 1) TO '{out}'", "beginning with SELECT"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'", "beginning with SELECT"),
        ("ATTACH '{out}' AS other", "beginning with SELECT"),
        ("INSTALL httpfs", "beginning with SELECT"),
    ],
)
def test_what_is_no_readable_question_is_one_sentence_and_exit_code_2(
    sql: str, sentence: str, tmp_path: Path
) -> None:
    CohortTables(str(tmp_path / "tables"))
    out = tmp_path / "out"
    result = _run(str(tmp_path / "tables"), sql.format(out=out))
    assert (result.exit_code, result.stdout, out.exists()) == (2, "", False)
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "question", ["read_csv('{file}')", "read_text('{file}')", "glob('{folder}/*')", "'{file}'"]
)
def test_a_question_cannot_read_other_files_of_the_machine(
    tables: str, question: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text("name\nJane\n")
    sql = "SELECT * FROM " + question.format(file=tmp_path / "secret.csv", folder=tmp_path)
    result = _run(tables, sql)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert _run(tables, "SELECT count(*) FROM latest JOIN wide USING (series_key)").exit_code == 0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("labs", "give NAME=FILE"),
        ("labs=labs.txt", "a .csv, .tsv or .parquet"),
        ("my labs=labs.csv", "give NAME=FILE"),
        ("labs=nowhere.csv", "nowhere.csv cannot be read"),
        ("scans=labs.csv", "already exists"),
    ],
)
def test_a_file_that_cannot_be_joined_is_one_sentence(
    given: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CohortTables(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("labs.csv").write_text("patient_key,alt_u_l\n")
    result = _run(str(tmp_path), "SELECT 1", "--file", given)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert sentence in result.stderr


def test_passed_are_complete_structures_without_a_finding_in_scans_that_did_not_fail(
    tmp_path: Path,
) -> None:
    kinds = (("a", "pass", None), ("b", "warn", "doubled"), ("c", "fail", None), ("d", None, None))
    rows = [{**_row(k, "liver", 9, 1.0, "ok"), "qc_reasons": why} for k, _, why in kinds]
    rows += [_row("a", "spleen", 9, 1.0, "truncated")]
    scans = [{"series_key": key, "qc": qc} for key, qc, _ in kinds]
    CohortTables(str(tmp_path)).commit(Batch(scans=scans, structures=rows), OLD)
    sql = "SELECT series_key, structure FROM qc_passed ORDER BY ALL"
    assert _answer(str(tmp_path), sql) == [("a", "liver"), ("d", "liver")]


def test_the_wide_view_has_volumes_of_complete_structures_and_hu_also_of_cut_ones(
    tmp_path: Path,
) -> None:
    rows = [
        {**_row("a", "liver", 9, 1500.0, "ok"), "hu_mean": 55.0},
        {**_row("a", "spleen", 9, 150.0, "truncated"), "hu_mean": 45.0},
        {**_row("a", "colon", 9, 0.1, "truncated"), "hu_mean": 5.0},
        _row("a", "aorta", 0, None, "absent"),
    ]
    CohortTables(str(tmp_path)).commit(Batch(scans=[{"series_key": "a"}], structures=rows), OLD)
    sql = "SELECT liver_ml, spleen_ml, aorta_ml FROM wide"
    assert _answer(str(tmp_path), sql) == [(1500.0, None, None)]
    sql = "SELECT liver_hu, spleen_hu, colon_hu, aorta_hu FROM wide_hu"
    assert _answer(str(tmp_path), sql) == [(55.0, 45.0, None, None)]


@pytest.mark.parametrize("sql", ["WITH a AS (SELECT 7) FROM a", "DESCRIBE scans", "SHOW TABLES"])
def test_reading_in_other_words_is_allowed(sql: str, tmp_path: Path) -> None:
    CohortTables(str(tmp_path))
    assert _run(str(tmp_path), sql).exit_code == 0


def test_a_place_without_tables_is_one_sentence_and_stays_empty(place: str) -> None:
    with pytest.raises(SetupError, match="there are no tables at"):
        connect(place)
    assert not Path(place).exists()


def test_an_answer_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    CohortTables(str(tmp_path))
    result = _run(str(tmp_path), "SELECT 1", "--out", str(tmp_path / "nowhere" / "a.csv"))
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


@pytest.mark.s3
def test_wrong_credentials_are_one_sentence_and_exit_code_2(
    seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seaweed.use(monkeypatch, AWS_ACCESS_KEY_ID="wrong")
    result = _run("s3://tables/t", "SELECT 1")
    assert result.exit_code == 2
    assert "does not accept the credentials" in result.stderr
