"""Tables grow by columns that may be NULL: those of 0.1 are asked, written to and compacted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from segment_actor.errors import SetupError
from stats.compaction import compact, refresh_wide, vacuum
from stats.measure import StructureRow
from stats.query import connect
from stats.tables import commit, growth, schema
from stats.tables.columns import STAMP
from stats.tables.commit import Batch, CohortTables, Stamp
from stats.tables.storage import CommitConflict

OLD_TABLES = Path(__file__).parents[1] / "golden" / "tables_0_1"
NIGHT = Stamp("night-3", "2026-02-01", "fedcba9876543210")

KERNEL = pa.field("convolution_kernel", pa.string(), metadata={"description": "From DICOM."})
ENTROPY = pa.field("hu_entropy", pa.float64(), metadata={"description": "New.", "unit": "bit"})

Grow = Callable[..., None]


@pytest.fixture
def tables(tmp_path: Path) -> str:
    """Tables as version 0.1.0 left them."""
    return str(shutil.copytree(OLD_TABLES, tmp_path / "tables"))


@pytest.fixture
def bring(monkeypatch: pytest.MonkeyPatch) -> Grow:
    """A version of ctcohort with more columns: the one place where columns are listed."""

    def add(**columns: list[pa.Field]) -> None:
        for name, more in columns.items():
            whole = pa.schema([*schema.SCHEMAS[name], *more])
            monkeypatch.setitem(schema.SCHEMAS, name, whole)

    return add


def answer(tables: str, sql: str) -> list[tuple[object, ...]]:
    with connect(tables) as database:
        return database.sql(sql).fetchall()


def everything(tables: str) -> dict[str, list[dict[str, object]]]:
    with connect(tables) as database:
        return {
            name: sorted(database.table(name).to_arrow_table().to_pylist(), key=repr)
            for name in ("scans", "structures", "failures", "runs", "latest", "wide", "wide_hu")
        }


def one_more(kernel: str | None = "B30f") -> Batch:
    scan = {"series_key": "ct-d", "label_schema": "paper104", "convolution_kernel": kernel}
    row = {
        "series_key": "ct-d", "structure": "liver", "voxel_count": 9, "volume_ml": 1300.0,
        "status": "ok", "label_schema": "paper104", "hu_entropy": 4.5,
    }  # fmt: skip
    return Batch(scans=[scan], structures=[row])


def test_tables_of_0_1_are_read_as_they_are(tables: str) -> None:
    assert answer(tables, "SELECT series_key, liver_ml FROM wide ORDER BY 1") == [
        ("ct-a", 1500.0), ("ct-b", 1400.0), ("ct-c", 1600.0),
    ]  # fmt: skip
    assert answer(tables, "SELECT count(*) FROM failures") == [(2,)]


def test_a_column_that_old_tables_lack_is_null_before_anything_is_written(
    tables: str, bring: Grow
) -> None:
    bring(scans=[KERNEL], structures=[ENTROPY])
    both = "scans JOIN structures USING (series_key)"
    sql = f"SELECT DISTINCT convolution_kernel, hu_entropy FROM {both}"
    assert answer(tables, sql) == [(None, None)]


def test_old_tables_take_new_columns_and_are_asked_compacted_and_asked_again(
    tables: str, bring: Grow
) -> None:
    before = everything(tables)
    bring(scans=[KERNEL], structures=[ENTROPY])
    CohortTables(tables).commit(one_more(), NIGHT)
    kernels = "SELECT series_key, convolution_kernel FROM scans ORDER BY 1"
    expected = [("ct-a", None), ("ct-b", None), ("ct-c", None), ("ct-d", "B30f")]
    assert answer(tables, kernels) == expected
    assert answer(tables, "SELECT hu_entropy FROM structures WHERE hu_entropy > 0") == [(4.5,)]
    asked = everything(tables)
    assert [len(asked[n]) - len(before[n]) for n in ("scans", "structures")] == [1, 1]

    assert [done.table for done in compact(tables)].count("structures") == 3
    assert refresh_wide(tables) == 4
    assert everything(tables) == asked
    assert answer(tables, kernels) == expected
    CohortTables(tables).commit(Batch(scans=[{"series_key": "ct-e"}]), NIGHT)
    assert answer(tables, kernels)[-1] == ("ct-e", None)
    assert vacuum(tables) == 0


def test_after_compaction_files_need_not_be_opened_to_know_their_columns(
    tables: str, bring: Grow
) -> None:
    bring(scans=[KERNEL])
    CohortTables(tables)
    assert growth.is_mixed(DeltaTable(f"{tables}/scans"))
    list(compact(tables))
    assert not growth.is_mixed(DeltaTable(f"{tables}/scans"))
    bring(scans=[ENTROPY])
    CohortTables(tables)
    assert growth.is_mixed(DeltaTable(f"{tables}/scans"))


def test_a_run_under_way_goes_on_when_grown_tables_are_compacted(tables: str, bring: Grow) -> None:
    bring(scans=[KERNEL], structures=[ENTROPY])
    committer = CohortTables(tables)
    committer.commit(one_more(), NIGHT)
    list(compact(tables))
    committer.commit(Batch(scans=[{"series_key": "ct-e"}]), NIGHT)
    assert answer(tables, "SELECT count(*) FROM scans") == [(5,)]


def test_meaning_and_unit_of_an_added_column_are_in_the_log(tables: str, bring: Grow) -> None:
    bring(structures=[ENTROPY])
    CohortTables(tables)
    stored = growth.stored_schema(DeltaTable(f"{tables}/structures")).field("hu_entropy")
    assert stored.metadata == {b"description": b"New.", b"unit": b"bit"}


def test_a_column_of_a_newer_version_is_kept_and_not_shown(
    tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = pa.schema([*schema.SCHEMAS["scans"], KERNEL])
    with monkeypatch.context() as patch:
        patch.setitem(schema.SCHEMAS, "scans", newer)
        scan = {"series_key": "ct-n", "convolution_kernel": "I70f"}
        CohortTables(tables).commit(Batch(scans=[scan]), NIGHT)
    CohortTables(tables).commit(Batch(scans=[{"series_key": "ct-o"}]), NIGHT)
    with connect(tables) as database:
        assert "convolution_kernel" not in database.table("scans").columns
    list(compact(tables))
    monkeypatch.setitem(schema.SCHEMAS, "scans", newer)
    sql = "SELECT series_key, convolution_kernel FROM scans WHERE series_key >= 'ct-n' ORDER BY 1"
    assert answer(tables, sql) == [("ct-n", "I70f"), ("ct-o", None)]


def test_what_is_done_is_known_over_both_kinds_of_files(tables: str, bring: Grow) -> None:
    bring(scans=[KERNEL])
    done = CohortTables(tables).done("0123456789abcdef")
    assert done.scans.keys() == {"ct-a", "ct-b", "ct-c"}
    assert done.has("bad of night-1", "", retry_failed=True) is False


def test_a_committer_from_before_the_columns_is_stopped_and_doubles_nothing(
    tables: str, bring: Grow
) -> None:
    before = CohortTables(tables)
    bring(scans=[KERNEL], structures=[ENTROPY])
    CohortTables(tables)
    with pytest.raises(CommitConflict):
        before.commit(Batch(scans=[{"series_key": "ct-d"}]), NIGHT)
    assert answer(tables, "SELECT count(*) FROM scans") == [(3,)]


def test_a_commit_torn_after_the_columns_came_is_removed(
    tables: str, bring: Grow, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(scans=[KERNEL], structures=[ENTROPY])
    committer = CohortTables(tables)
    append = CohortTables._append

    def killed(self: CohortTables, name: str, rows: pa.Table, sequence: int) -> None:
        if name == "scans":
            raise KeyboardInterrupt
        append(self, name, rows, sequence)

    with monkeypatch.context() as patch:
        patch.setattr(CohortTables, "_append", killed)
        with pytest.raises(KeyboardInterrupt):
            committer.commit(one_more(), NIGHT)
    assert answer(tables, "SELECT count(*) FROM structures") == [(9,)]
    CohortTables(tables)
    assert answer(tables, "SELECT count(*) FROM structures") == [(9,)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.append(pa.field("site", pa.string(), nullable=False)), "lacks site"),
        (
            lambda s: s.set(s.get_field_index("kvp"), pa.field("kvp", pa.string())),
            "has kvp as double",
        ),
    ],
)
def test_a_required_or_retyped_column_is_refused_with_its_name(
    tables: str,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pa.Schema], pa.Schema],
    says: str,
) -> None:
    monkeypatch.setitem(schema.SCHEMAS, "scans", change(schema.SCHEMAS["scans"]))
    for use in (connect, CohortTables):
        with pytest.raises(SetupError, match=rf"table scans was made by another version.*{says}"):
            use(tables)


def test_a_column_may_be_described_in_other_words_than_when_it_was_made(
    tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """deltalake's own merge of schemas refuses that."""
    for name, columns in list(schema.SCHEMAS.items()):
        reworded = [field.with_metadata({"description": "Corrected."}) for field in columns]
        monkeypatch.setitem(schema.SCHEMAS, name, pa.schema(reworded))
    committer = CohortTables(tables)
    committer.commit(Batch(scans=[{"series_key": "ct-d"}]), NIGHT)
    committer.write_run({"status": "finished"}, NIGHT)
    assert answer(tables, "SELECT count(*) FROM scans") == [(4,)]
    assert answer(tables, "SELECT count(*) FROM runs") == [(3,)]


def test_a_table_that_came_after_these_tables_is_empty_until_it_is_written(
    tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new table is one entry of TABLES: view, creation, commit and compaction follow."""
    notes = schema.Table("notes", schema.FAILURES, ("series_key",))
    monkeypatch.setitem(schema.SCHEMAS, "notes", notes.schema)
    monkeypatch.setattr("stats.compaction.TABLES", (*schema.TABLES, notes))
    monkeypatch.setattr(commit, "_COMMIT_ORDER", ("notes", *commit._COMMIT_ORDER))
    assert answer(tables, "SELECT count(*) FROM notes") == [(0,)]
    row = {"series_key": "ct-a", "code": "seen", "sentence": "Looked at."}
    CohortTables(tables).commit(Batch(notes=[row]), NIGHT)
    assert answer(tables, "SELECT code FROM notes") == [("seen",)]
    assert "notes" in [done.table for done in compact(tables)]
    assert answer(tables, "SELECT code FROM notes") == [("seen",)]


def test_a_row_of_a_table_without_commits_is_refused_in_a_batch() -> None:
    with pytest.raises(ValueError, match="rows of runs are not part of a commit"):
        Batch(runs=[{}])


def test_the_measurement_has_the_columns_of_the_table_and_no_other() -> None:
    stamp = {field.name for field in STAMP}
    of_the_run = {"series_key", "model_set", "label_schema"}
    measured = [f.name for f in fields(StructureRow)]
    assert measured == [n for n in schema.STRUCTURES.names if n not in stamp | of_the_run]


def test_rows_keep_every_column_that_the_stored_table_has() -> None:
    stored = pa.schema([*schema.RUNS, KERNEL])
    rows = growth.fitted(schema.RUNS.empty_table(), stored)
    assert rows.schema == stored
