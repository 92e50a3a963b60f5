"""Compaction changes how rows lie, never which there are, whoever else is at work."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from deltalake import DeltaTable, write_deltalake

from jobs.__main__ import main
from stats import compaction
from stats.compaction import compact, refresh_wide
from stats.query import connect
from stats.sql import wide
from stats.tables import commit, files
from stats.tables.commit import Batch, CohortTables, Stamp
from stats.tables.files import stored_files
from stats.tables.schema import SCHEMAS, TableName
from stats.tables.storage import CommitConflict, storage_options, table_uri
from tests.support.seaweed import Seaweed, running_seaweed

STAMP = Stamp(run_id="run-1", run_date="2026-01-31", pipeline_version="v1")
NEXT_DAY = Stamp(run_id="run-2", run_date="2026-02-01", pipeline_version="v2")
_CONTENT: tuple[TableName, ...] = ("scans", "structures", "failures", "runs")


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Tables in a folder."""
    return _two_days(str(tmp_path / "the doctor's tables"))


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.s3)])
def anywhere(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Tables in a folder, and on a real S3 server."""
    if request.param == "folder":
        return _two_days(str(tmp_path / "tables"))
    request.getfixturevalue("seaweed").use(monkeypatch)
    return _two_days(f"s3://tables/{uuid.uuid4().hex}")


def _two_days(tables: str) -> str:
    """Two days of some commits each: ct-0 to ct-8, and ct-0 again by a new method."""
    committer = CohortTables(tables)
    for stamp, keys in ((STAMP, (8, 1, 5, 0, 3, 7)), (NEXT_DAY, (4, 0, 6))):
        for key in keys:
            committer.commit(_batch(key), stamp)
        committer.write_run({"status": "finished"}, stamp)
    return tables


def _batch(number: int) -> Batch:
    """One CT with two structures; the third, fourth and so on of them fails."""
    key = f"ct-{number}"
    if number % 3 == 2:
        return Batch(failures=[{"series_key": key, "code": "empty_file", "sentence": "Empty."}])
    said = {"series_key": key, "label_schema": "paper104"}
    liver = {"structure": "liver", "voxel_count": 9, "volume_ml": 1500.0 + number, "hu_mean": 55.0}
    colon = {"structure": "colon", "voxel_count": 9, "volume_ml": 300.0, "hu_mean": 20.0}
    return Batch(
        scans=[{**said, "age_years": 60.0 + number, "sex": "F"}],
        structures=[{**said, **liver, "status": "ok"}, {**said, **colon, "status": "truncated"}],
    )


def _content(place: str) -> dict[str, list[str]]:
    with connect(place) as database:
        views = (*_CONTENT, "latest", "wide", "wide_hu")
        return {n: sorted(map(repr, database.view(n).fetchall())) for n in views}


def _raw_counts(place: str) -> dict[str, int]:
    options = storage_options(place)
    return {n: DeltaTable(table_uri(place, n), storage_options=options).count() for n in _CONTENT}


def _versions(place: str) -> dict[str, int]:
    options = storage_options(place)
    names = (*SCHEMAS, "wide")
    return {n: DeltaTable(table_uri(place, n), storage_options=options).version() for n in names}


def _compact(place: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["table", "compact", "--tables", place, *options])


def test_the_rows_are_those_of_before_in_one_file_a_day(anywhere: str) -> None:
    before = _content(anywhere), _raw_counts(anywhere)
    result = _compact(anywhere, "--vacuum")
    assert result.exit_code == 0, result.stderr
    assert "structures 2026-01-31: 8 rows, 4 -> 1 files" in result.stdout
    assert (_content(anywhere), _raw_counts(anywhere)) == before


def test_a_second_compaction_finds_nothing_to_do(place: str) -> None:
    _compact(place)
    before = _versions(place)
    assert _compact(place).stdout == "wide: 0 new scans\n"
    assert _versions(place) == before


def test_what_is_done_stays_done_and_is_not_doubled_by_the_next_run(place: str) -> None:
    before = CohortTables(place).done("v1")
    _compact(place)
    again = CohortTables(place)
    assert again.done("v1") == before
    again.commit(_batch(9), NEXT_DAY)
    assert len(_content(place)["scans"]) == 8


def test_structures_lie_by_structure_and_series(place: str) -> None:
    _compact(place)
    options = storage_options(place)
    delta = DeltaTable(table_uri(place, "structures"), storage_options=options)
    [file] = [f for f in stored_files(delta) if f.partition == "2026-01-31"]
    with connect(place) as database:
        sql = f"SELECT structure, series_key FROM '{table_uri(place, 'structures')}/{file.path}'"
        rows = database.sql(sql.replace("doctor's", "doctor''s")).fetchall()
    assert rows == sorted(rows)
    assert (file.lowest["structure"], file.highest["structure"]) == ("colon", "liver")


def test_a_run_under_way_goes_on_undisturbed(anywhere: str) -> None:
    committer = CohortTables(anywhere)
    committer.commit(_batch(9), NEXT_DAY)
    _compact(anywhere)
    committer.commit(_batch(10), NEXT_DAY)
    committer.write_run({"status": "finished", "cts_done": 2}, NEXT_DAY)
    assert len(_content(anywhere)["scans"]) == 9
    assert len(_content(anywhere)["runs"]) == 2


def test_a_compaction_does_not_keep_a_run_from_writing_its_row(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer = CohortTables(place)

    def late(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(commit, "write_deltalake", write_deltalake)
        list(compact(place))
        write_deltalake(*arguments, **options)

    monkeypatch.setattr(commit, "write_deltalake", late)
    committer.write_run({"status": "finished", "cts_done": 7}, NEXT_DAY)
    assert len(_content(place)["runs"]) == 2


class _Killed(BaseException):
    """Stands for SIGKILL: nothing of ours may catch it."""


def _kill_compaction(place: str, name: TableName) -> None:
    """Compacts until the files of this table are written and not yet committed."""
    replace = files.replace_files

    def stop(delta: DeltaTable, *rest: Any) -> None:
        if f"/{name}" in delta.table_uri.rstrip("/"):
            raise _Killed
        replace(delta, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "replace_files", stop)
        with pytest.raises(_Killed):
            list(compact(place))


@pytest.mark.parametrize("name", ["scans", "structures"])
def test_a_killed_compaction_leaves_the_tables_as_they_are(place: str, name: TableName) -> None:
    before = _content(place)
    _kill_compaction(place, name)
    assert _content(place) == before
    again = CohortTables(place)
    assert again.done("v1").has("ct-1", "any")
    _compact(place)
    assert _content(place) == before


def test_rows_of_a_torn_commit_are_neither_shown_nor_lost_to_the_next_committer(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _content(place)
    committer = CohortTables(place)
    append = CohortTables._append

    def torn(self: CohortTables, name: TableName, rows: pa.Table, sequence: int) -> None:
        if name == "scans":
            raise _Killed
        append(self, name, rows, sequence)

    with monkeypatch.context() as patch:
        patch.setattr(CohortTables, "_append", torn)
        with pytest.raises(_Killed):
            committer.commit(_batch(9), NEXT_DAY)
    _compact(place)
    assert _content(place) == before
    assert _raw_counts(place)["structures"] == 16
    CohortTables(place)  # recovers
    assert _raw_counts(place)["structures"] == 14


def _during_compaction(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Lets something happen between reading a partition of structures and replacing its files."""
    replace = files.replace_files

    def later(delta: DeltaTable, *rest: Any) -> None:
        if "/structures" in delta.table_uri:
            monkeypatch.setattr(compaction, "replace_files", replace)
            happens()
        replace(delta, *rest)

    monkeypatch.setattr(compaction, "replace_files", later)


def test_a_commit_during_compaction_is_kept(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    committer = CohortTables(place)
    _during_compaction(monkeypatch, lambda: committer.commit(_batch(9), STAMP))
    assert _compact(place).exit_code == 0
    assert len(_content(place)["scans"]) == 8
    assert _raw_counts(place)["structures"] == 16


def test_of_two_compactions_at_once_one_is_refused_and_nothing_doubles(
    anywhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _content(anywhere)
    _during_compaction(monkeypatch, lambda: list(compact(anywhere)))
    result = _compact(anywhere)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "nothing is lost or doubled: try again" in result.stderr
    assert _content(anywhere) == before


def test_a_recovery_during_compaction_is_not_undone(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete() -> None:
        options = storage_options(place)
        DeltaTable(table_uri(place, "structures"), storage_options=options).delete(
            "series_key = 'ct-1'"
        )

    _during_compaction(monkeypatch, delete)
    assert _compact(place).exit_code == 2
    assert _raw_counts(place)["structures"] == 12


def test_of_two_refreshed_wide_tables_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = str(tmp_path)
    CohortTables(tables).commit(_batch(1), STAMP)
    pivot = wide._pivot_to_files

    def twice(*arguments: Any) -> list[str]:
        monkeypatch.setattr(wide, "_pivot_to_files", pivot)
        refresh_wide(tables)
        return pivot(*arguments)

    monkeypatch.setattr(wide, "_pivot_to_files", twice)
    with pytest.raises(CommitConflict):
        refresh_wide(tables)
    assert len(_content(tables)["wide"]) == 1


def test_a_wide_table_of_other_columns_is_made_again(tmp_path: Path) -> None:
    tables = str(tmp_path)
    CohortTables(tables).commit(_batch(1), STAMP)
    before = _content(tables)
    write_deltalake(
        table_uri(tables, "wide"), pa.table({"series_key": ["ct-1"], "aorta_ml": [1.0]})
    )
    assert _content(tables) == before
    assert refresh_wide(tables) == 1
    assert _content(tables) == before


def test_the_views_are_not_turned_again_after_commits_of_failures_alone(tmp_path: Path) -> None:
    tables = str(tmp_path)
    CohortTables(tables).commit(_batch(1), STAMP)
    _compact(tables)
    CohortTables(tables).commit(_batch(2), STAMP)
    with connect(tables) as database:
        plan = str(database.sql("EXPLAIN SELECT * FROM wide").fetchall())
    assert "PIVOT" not in plan
    assert "UNION" not in plan


def test_files_in_use_are_not_vacuumed(place: str) -> None:
    with connect(place) as reader:
        _compact(place, "--vacuum")
        assert reader.sql("SELECT count(*) FROM structures").fetchall() == [(14,)]


def test_a_large_partition_becomes_several_files_of_whole_structures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CohortTables(str(tmp_path)).commit(_batch(1), STAMP)
    CohortTables(str(tmp_path)).commit(_batch(3), STAMP)
    monkeypatch.setattr("stats.tables.files.PASS_ROWS", 3)
    assert _compact(str(tmp_path)).exit_code == 0
    files = DeltaTable(str(tmp_path / "structures")).file_uris()
    found = [set(pq.read_table(file)["structure"].to_pylist()) for file in files]
    assert sorted(map(sorted, found)) == [["colon"], ["liver"]]
