"""The index as files."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.stores.contract import Changes, StoredObject
from cluster.stores.files import FolderArchive
from cluster.stores.private_folder import PrivateFolder
from jobs.archive.demographics import Person
from jobs.archive.index import Index
from jobs.archive.keys import KeyMaker
from jobs.archive.store import valid_generation
from segment_actor.errors import SetupError
from tests.support.indexing import files_of, index_of
from tests.support.tiny_cohort import good_cts, good_dicom, write_objects


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """An index of two CTs."""
    index_of(write_objects(tmp_path / "archive", good_cts([1, 2])), tmp_path / "index")
    return tmp_path / "index"


def test_an_index_is_for_its_owner_alone_as_it_links_keys_to_paths(kept: Path) -> None:
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept.iterdir()} == {0o600}
    assert {file.name.partition("-")[0] for file in kept.iterdir()} == {
        "files", "found", "series", "index.json",
    }  # fmt: skip


def test_an_index_is_of_one_archive(kept: Path, tmp_path: Path) -> None:
    other = write_objects(tmp_path / "other", good_cts([3]))
    with pytest.raises(SetupError, match="is the index of another archive"):
        index_of(other, kept)


def test_a_folder_without_an_index_is_refused_with_the_command_that_makes_one(
    tmp_path: Path,
) -> None:
    with pytest.raises(SetupError, match="holds no index; make one with: ctcohort index"):
        Index(PrivateFolder(str(tmp_path / "nothing")))


@pytest.mark.parametrize("content", [b"", b"[]", b'{"archive": 1}', b"\xff"])
def test_a_file_of_that_name_that_no_index_wrote_is_refused(kept: Path, content: bytes) -> None:
    (kept / "index.json").write_bytes(content)
    with pytest.raises(SetupError, match="is no index that this version reads"):
        Index(PrivateFolder(str(kept)))


@pytest.mark.parametrize("table", ["series", "files"])
def test_a_damaged_table_is_refused(kept: Path, table: str) -> None:
    (file,) = kept.glob(f"{table}-*.parquet")
    data = bytearray(file.read_bytes())
    data[8:60] = bytes(52)
    file.write_bytes(bytes(data))
    with pytest.raises(SetupError, match="is damaged; remove the folder and make it again"):
        _ = Index(PrivateFolder(str(kept))).series() and files_of(Index(PrivateFolder(str(kept))))


def test_an_index_of_another_format_is_made_anew(kept: Path, tmp_path: Path) -> None:
    said = json.loads((kept / "index.json").read_bytes())
    (kept / "index.json").write_text(json.dumps(said | {"format": 0}))
    assert len(index_of(tmp_path / "archive", kept).series()) == 2


def test_an_index_that_was_broken_off_changes_nothing(kept: Path, tmp_path: Path) -> None:
    before = Index(PrivateFolder(str(kept))).series()
    (kept / "series-0000.parquet").write_bytes(b"half")
    assert Index(PrivateFolder(str(kept))).series() == before
    index_of(tmp_path / "archive", kept)
    assert not (kept / "series-0000.parquet").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_an_index_of_an_unchanged_archive_is_not_written_again(
    kept: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = contents(kept)
    with caplog.at_level(logging.INFO, "jobs.archive"):
        again = index_of(tmp_path / "archive", kept)
    assert contents(kept) == before
    assert [s.path for s in again.series()] == ["ct001.nii.gz", "ct002.nii.gz"]
    assert "2 series to measure: 2 nifti" in caplog.messages


def test_the_log_says_what_is_gone(
    kept: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "archive" / "ct002.nii.gz").unlink()
    with caplog.at_level(logging.INFO, "jobs.archive"):
        index_of(tmp_path / "archive", kept)
    assert caplog.messages[:2] == [
        "1 objects listed, 0 of them new or changed",
        "1 files known before are gone",
    ]


def test_an_index_is_written_again_when_other_things_than_objects_have_changed(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    people = {"ct001.nii.gz": Person(63.0, "F")}
    assert index_of(archive, kept, people).series()[0].age_years == 63.0
    assert index_of(archive, kept).series()[0].age_years is None
    other = KeyMaker(b"another secret of a site")
    key = index_of(archive, kept, keys=other).series()[0].series_key
    assert key == other.series_key("ct001.nii.gz")
    monkeypatch.setattr("jobs.archive.index.source_digest", lambda: "other rules")
    tables = set(contents(kept))
    index_of(archive, kept, keys=other)
    assert len(set(contents(kept)) - tables) == 3


class Meanwhile(FolderArchive):
    """A folder that is indexed a second time, to the end, while its own objects are listed."""

    def changes(self, token: str | None) -> Changes:
        def objects() -> Iterator[StoredObject]:
            yield from self.list()
            others.append(index_of(FolderArchive(self.uri), Path(kept_by[self.uri])))

        return Changes(objects(), token, whole=True)


kept_by: dict[str, str] = {}
others: list[Index] = []


def test_of_two_indexes_made_at_a_time_the_last_is_valid_and_a_run_can_go_on_with_the_other(
    kept: Path, tmp_path: Path
) -> None:
    archive = write_objects(tmp_path / "archive", good_cts([3]))
    kept_by[str(archive)] = str(kept)
    last = index_of(Meanwhile(str(archive)), kept)
    other = others.pop()
    assert other.generation != last.generation
    assert valid_generation(PrivateFolder(str(kept))) == last.generation
    write_objects(archive, good_cts([4]))
    index_of(archive, kept)
    for index, count in ((other, 3), (last, 3), (Index(PrivateFolder(str(kept))), 4)):
        assert [len(files) for files in files_of(index).values()] == [1] * count


def test_tables_of_an_index_that_is_still_being_made_are_not_removed(
    kept: Path, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    names = {
        f"{table}-{now - timedelta(days=days):%Y%m%dT%H%M%S}-0011aabb.parquet": days
        for table in ("found", "files", "series")
        for days in (0, 1, 6, 8, 100)
    }
    for name in names:
        (kept / name).write_bytes(b"")
    write_objects(tmp_path / "archive", good_cts([3]))
    index_of(tmp_path / "archive", kept)
    assert set(contents(kept)) & set(names) == {name for name, days in names.items() if days < 7}


@pytest.mark.parametrize("limit_bytes", [1_000, 10_000])
def test_a_disk_that_is_full_ends_in_a_sentence_and_leaves_the_index_as_it_was(
    kept: Path, tmp_path: Path, limit_bytes: int
) -> None:
    before = contents(kept)
    archive = write_objects(tmp_path / "archive", good_dicom("s", 3))
    code = (
        "import resource, sys; from jobs.index import main; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, -1)); main(sys.argv[1:])"
    )
    words = ["--archive", str(archive), "--out", str(kept)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "CTCOHORT_SITE_SECRET": "a site secret only for tests"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert f"{kept} cannot be brought up to date, and stays as it was: " in said
    assert "too large" in said
    assert contents(kept) == before


def test_an_index_that_is_killed_leaves_the_old_one_valid_and_its_room_is_removed_in_time(
    kept: Path, tmp_path: Path
) -> None:
    before = contents(kept)
    archive = write_objects(tmp_path / "archive", good_dicom("s", 3))
    code = (
        "import os, signal, sys; from jobs.archive import index; from jobs.index import main; "
        "index.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL); main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--archive", str(archive), "--out", str(kept)],
        env={**os.environ, "CTCOHORT_SITE_SECRET": "a site secret only for tests"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    (room,) = kept.glob(".at-work-*")
    assert {file.name for file in room.iterdir()} >= {"found.parquet", "series.parquet"}
    assert {name: data for name, data in contents(kept).items() if name in before} == before
    assert len(index_of(archive, kept).series()) == 3
    assert room.exists()  # it might be that of an index at work
    for each in (*room.iterdir(), room):
        os.utime(each, (0, 0))
    index_of(archive, kept)
    assert not room.exists()
