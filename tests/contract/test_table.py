"""The cohort's tables keep their promises, in a folder and on a real S3 server alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.query import connect
from stats.tables.commit import Batch, CohortTables, Stamp
from stats.tables.schema import SCHEMAS, TableName
from stats.tables.storage import CommitConflict, storage_options, table_uri
from tests.support.seaweed import Seaweed, running_seaweed

STAMP = Stamp(run_id="run-1", run_date="2026-01-31", pipeline_version="v1")
_CONTENT: tuple[TableName, ...] = ("scans", "structures", "failures")
KEYS = [f"ct-{n:02d}" for n in range(9)]


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place for tables."""
    if request.param == "folder":
        return str(tmp_path / "tables")
    request.getfixturevalue("seaweed").use(monkeypatch)
    return f"s3://tables/{uuid.uuid4().hex}"


def _batch(*keys: str) -> Batch:
    """Every third CT fails, the others have two structures."""
    failed = [key for key in keys if KEYS.index(key) % 3 == 2]
    measured = [key for key in keys if key not in failed]
    return Batch(
        scans=[{"series_key": key, "age_years": 61.5, "input_version": "i1"} for key in measured],
        structures=[_structure(key, name) for key in measured for name in ("liver", "spleen")],
        failures=[
            {"series_key": key, "code": "empty_file", "sentence": "Empty.", "input_version": "i1"}
            for key in failed
        ],
    )


def _structure(key: str, name: str) -> dict[str, object]:
    return {"series_key": key, "structure": name, "voxel_count": KEYS.index(key), "status": "ok"}


def _content(place: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows that a reader sees, without the number of their commit, in a fixed order."""
    with connect(place) as database:
        tables = {name: database.view(name).to_arrow_table() for name in _CONTENT}
    return {
        name: sorted(
            (tuple(row.values()) for row in rows.drop(["commit_seq"]).to_pylist()), key=repr
        )
        for name, rows in tables.items()
    }


def _raw_count(place: str, name: TableName) -> int:
    """Rows in the Delta table itself, seen or not."""
    return int(DeltaTable(table_uri(place, name), storage_options=storage_options(place)).count())


def _versions(place: str) -> Mapping[str, int]:
    options = storage_options(place)
    return {n: DeltaTable(table_uri(place, n), storage_options=options).version() for n in SCHEMAS}


class _Killed(BaseException):
    """Stands for SIGKILL: nothing of ours may catch it."""


def _kill(tables: CohortTables, batch: Batch, before: TableName) -> None:
    """Commits until it is this table's turn; there the process is gone."""

    def append(name: TableName, rows: pa.Table, sequence: int) -> None:
        if name == before:
            raise _Killed
        CohortTables._append(tables, name, rows, sequence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_append", append)
        with pytest.raises(_Killed):
            tables.commit(batch, STAMP)


def test_what_was_committed_is_done_at_its_pipeline_version_only(place: str) -> None:
    CohortTables(place).commit(_batch(*KEYS[:3]), STAMP)
    done = CohortTables(place).done("v1")
    assert done.scans.keys() == {"ct-00", "ct-01"}
    assert done.failures == {"ct-02": "i1"}
    assert not CohortTables(place).done("v2").scans


def test_a_series_that_got_more_files_since_it_was_measured_is_told(place: str) -> None:
    CohortTables(place).commit(_batch(*KEYS[:3]), STAMP)
    done = CohortTables(place).done("v1")
    assert done.has("ct-00", "more files")
    assert done.changed("ct-00", "more files")
    assert not done.changed("ct-00", "i1")
    assert not done.changed("ct-02", "more files")  # failed: it is tried again
    assert not done.changed("ct-99", "more files")


def test_a_failure_is_done_until_its_input_changes_or_a_retry_is_asked_for(place: str) -> None:
    tables = CohortTables(place)
    tables.commit(_batch("ct-02"), STAMP)
    done = tables.done("v1")
    assert done.has("ct-02", "i1")
    assert not done.has("ct-02", "i2")
    assert not done.has("ct-02", "i1", retry_failed=True)
    assert not done.has("ct-03", "i1")


def test_nothing_to_commit_makes_no_new_table_version(place: str) -> None:
    CohortTables(place).commit(_batch(*KEYS), STAMP)
    before = _versions(place)
    tables = CohortTables(place)
    tables.commit(Batch(), STAMP)
    assert tables.done("v1").has(KEYS[0], "i1")
    assert _versions(place) == before


@pytest.mark.parametrize("killed_before", ["structures", "failures", "scans"])
def test_a_committer_killed_between_tables_leaves_the_rows_of_an_undisturbed_run(
    place: str, killed_before: TableName
) -> None:
    CohortTables(f"{place}/calm").commit(_batch(*KEYS), STAMP)
    CohortTables(f"{place}/torn").commit(_batch(*KEYS[:3]), STAMP)
    _kill(CohortTables(f"{place}/torn"), _batch(*KEYS[3:]), before=killed_before)
    again = CohortTables(f"{place}/torn")
    todo = [key for key in KEYS if not again.done("v1").has(key, "i1")]
    again.commit(_batch(*todo), STAMP)
    assert _content(f"{place}/torn") == _content(f"{place}/calm")
    assert _raw_count(f"{place}/torn", "structures") == 12


def test_rows_of_a_half_finished_commit_are_not_there_for_readers(place: str) -> None:
    tables = CohortTables(place)
    tables.commit(_batch("ct-00"), STAMP)
    before = _content(place)
    _kill(tables, _batch("ct-01", "ct-02"), before="scans")
    assert _content(place) == before
    assert _raw_count(place, "structures") == 4


def test_the_same_object_may_commit_a_batch_again_after_an_error(place: str) -> None:
    tables = CohortTables(place)
    _kill(tables, _batch(*KEYS), before="scans")
    tables.commit(_batch(*KEYS), STAMP)
    assert [_raw_count(place, name) for name in _CONTENT] == [6, 12, 3]


@pytest.mark.parametrize("keys", [KEYS, KEYS[2:3], KEYS[:2]])
def test_the_second_of_two_committers_is_refused_and_nothing_is_doubled(
    place: str, keys: list[str]
) -> None:
    first, second = CohortTables(place), CohortTables(place)
    first.commit(_batch(*keys), STAMP)
    after = _content(place)
    for _ in range(2):  # trying again does not help it either
        with pytest.raises(CommitConflict, match="another job is writing"):
            second.commit(_batch(*KEYS), STAMP)
    assert _content(place) == after
    assert _raw_count(place, "structures") == len(after["structures"])


@pytest.mark.parametrize("other_commits", [True, False])
def test_a_committer_overtaken_between_two_tables_cannot_finish_its_commit(
    place: str, other_commits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = CohortTables(place)

    def append(name: TableName, rows: pa.Table, sequence: int) -> None:
        if name == "scans":
            CohortTables(place).commit(_batch(*KEYS) if other_commits else Batch(), STAMP)
        CohortTables._append(slow, name, rows, sequence)

    monkeypatch.setattr(slow, "_append", append)
    with pytest.raises(CommitConflict):
        slow.commit(_batch(*KEYS), STAMP)
    expected = [6, 12, 3] if other_commits else [0, 0, 0]
    assert [_raw_count(place, name) for name in _CONTENT] == expected


def test_recovery_writes_only_once(place: str) -> None:
    _kill(CohortTables(place), _batch(*KEYS), before="scans")
    CohortTables(place)
    recovered = _versions(place)
    CohortTables(place)
    assert _versions(place) == recovered
    assert _raw_count(place, "structures") == _raw_count(place, "failures") == 0


def test_a_run_has_one_row_however_often_it_is_written(place: str) -> None:
    tables = CohortTables(place)
    tables.write_run({"status": "running", "cts_todo": 9}, STAMP)
    tables.write_run({"status": "running"}, Stamp("run-0", "2026-01-30", "v1"))
    tables.write_run({"status": "finished", "cts_done": 6}, STAMP)
    with connect(place) as database:
        rows = database.sql("SELECT run_id, status, cts_done FROM runs ORDER BY run_id").fetchall()
    assert rows == [("run-0", "running", None), ("run-1", "finished", 6)]


def test_old_rows_stay_under_their_version_when_the_method_changes(place: str) -> None:
    tables = CohortTables(place)
    tables.commit(_batch("ct-00"), STAMP)
    tables.commit(_batch("ct-00"), Stamp("run-2", "2026-02-01", "v2"))
    assert tables.done("v1").scans.keys() == tables.done("v2").scans.keys() == {"ct-00"}
    assert _raw_count(place, "scans") == 2


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(KEYS), cuts=st.sets(st.integers(1, len(KEYS) - 1)))
def test_batches_of_any_size_in_any_order_give_the_same_content(
    order: list[str], cuts: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = str(tmp_path_factory.mktemp("tables"))
    tables = CohortTables(f"{place}/some")
    edges = [0, *sorted(cuts), len(KEYS)]
    for start, end in pairwise(edges):
        tables.commit(_batch(*order[start:end]), STAMP)
    CohortTables(f"{place}/one").commit(_batch(*KEYS), STAMP)
    assert _content(f"{place}/some") == _content(f"{place}/one")


def test_a_row_with_an_unknown_column_is_refused(tmp_path: Path) -> None:
    tables = CohortTables(str(tmp_path))
    with pytest.raises(ValueError, match="no column patient_name"):
        tables.commit(Batch(scans=[{"series_key": "ct-00", "patient_name": "x"}]), STAMP)


def test_a_row_without_its_key_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    tables = CohortTables(str(tmp_path))
    with pytest.raises(ValueError, match="series_key must have a value"):
        tables.commit(Batch(structures=[_structure("ct-00", "liver")], scans=[{}]), STAMP)
    assert _raw_count(str(tmp_path), "structures") == 0
