"""A folder as an archive; the same on a real bucket is in tests/s3."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.stores.one_file import read_bytes, write_bytes
from cluster.stores.opening import open_store
from segment_actor.errors import FailureCode, SeriesError, SetupError


def test_objects_are_listed_by_path_with_their_size(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.dcm").write_bytes(b"22")
    (tmp_path / "a.nii").write_bytes(b"1")
    listed = [(o.path, o.size_bytes) for o in open_store(str(tmp_path)).list()]
    assert listed == [("a.nii", 1), ("b/two.dcm", 2)]


def test_a_changed_file_has_another_version(tmp_path: Path) -> None:
    file = tmp_path / "a.nii"
    file.write_bytes(b"1")
    store = open_store(str(tmp_path))
    (before,) = store.list()
    assert list(store.list()) == [before]
    os.utime(file, (1, 1))
    (after,) = store.list()
    assert after.version != before.version


def test_a_vanished_file_is_the_series_failure(tmp_path: Path) -> None:
    with pytest.raises(SeriesError) as caught:
        open_store(str(tmp_path)).get("gone.nii.gz")
    assert caught.value.code is FailureCode.VANISHED
    assert "gone.nii.gz" not in caught.value.sentence


def test_a_vanished_archive_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    store = open_store(str(tmp_path / "archive"))
    (tmp_path / "archive").rmdir()
    with pytest.raises(SetupError, match="does not exist"):
        store.get("a.nii")


@pytest.mark.parametrize("make", ["nothing", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, make: str) -> None:
    if make == "file":
        (tmp_path / "place").write_bytes(b"")
    with pytest.raises(SetupError, match="place does not exist"):
        open_store(str(tmp_path / "place"))


def test_other_protocols_are_refused() -> None:
    with pytest.raises(SetupError, match=r"only folders.* s3://"):
        open_store("https://example.org/cts")


def test_a_stream_reads_from_the_middle(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(100)))
    with open_store(str(tmp_path)).open("a") as stream:
        stream.seek(50)
        assert stream.read(2) == bytes([50, 51])


def test_a_file_is_written_with_its_folders_and_read_again(tmp_path: Path) -> None:
    write_bytes(str(tmp_path / "new" / "file"), b"content")
    assert read_bytes(str(tmp_path / "new" / "file")) == b"content"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"Cannot read .*none: No such file"):
        read_bytes(str(tmp_path / "none"))


def test_a_link_to_a_file_is_an_object_and_one_to_nothing_has_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"12345")
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "a.nii").symlink_to(tmp_path / "elsewhere")
    (archive / "b.nii").symlink_to(tmp_path / "nothing")
    listed = [(o.path, o.size_bytes) for o in open_store(str(archive)).list()]
    assert listed == [("a.nii", 5), ("b.nii", 0)]


def test_objects_come_in_the_order_of_their_whole_paths(tmp_path: Path) -> None:
    paths = ["a-b", "a.nii", "a/1.dcm", "a0", "b/c/d", "b/c0"]
    for path in paths:
        write_bytes(str(tmp_path / path), b"")
    assert [o.path for o in open_store(str(tmp_path)).list()] == paths


@pytest.mark.parametrize("prefix", ["file://", ""])
def test_a_folder_may_be_named_as_a_file_uri(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "a.nii").write_bytes(b"1")
    assert open_store(f"{prefix}{tmp_path}").get("a.nii") == b"1"
