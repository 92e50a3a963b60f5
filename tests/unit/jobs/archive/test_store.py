"""The index as files."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from cluster.stores.private_folder import PrivateFolder
from jobs.archive.index import Index
from segment_actor.errors import SetupError
from tests.support.indexing import files_of, index_of
from tests.support.tiny_cohort import good_cts, write_objects


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
