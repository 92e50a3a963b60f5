"""A folder as an archive; the same on a real bucket is in tests/s3."""

from __future__ import annotations

import os
import resource
import socket
import stat
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


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def _listed(archive: Path) -> list[str]:
    store = open_store(str(archive))
    paths = [stored.path for stored in store.list()]
    assert all(store.get(path) is not None for path in paths)
    return paths


def test_a_link_to_a_file_is_an_object_and_one_to_nothing_is_counted(
    archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "elsewhere").write_bytes(b"12345")
    (archive / "a.nii").symlink_to(tmp_path / "elsewhere")
    (archive / "b.nii").symlink_to(tmp_path / "nothing")
    (archive / "circle").symlink_to("circle")
    listed = [(o.path, o.size_bytes) for o in open_store(str(archive)).list()]
    assert listed == [("a.nii", 5)]
    assert caplog.messages == [f"{archive}: left out of the listing: 2 links that lead nowhere"]


def test_a_link_changes_with_what_it_leads_to(archive: Path, tmp_path: Path) -> None:
    write_bytes(str(tmp_path / "elsewhere"), b"one")
    (archive / "a.nii").symlink_to(tmp_path / "elsewhere")
    (before,) = open_store(str(archive)).list()
    os.utime(tmp_path / "elsewhere", (1, 1))
    (after,) = open_store(str(archive)).list()
    assert after.version != before.version


def test_a_link_to_a_folder_elsewhere_is_followed_once(
    archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("archive/2025/1.dcm", "disk/b.nii", "disk/sub/c.nii"):
        write_bytes(str(tmp_path / path), b"")
    (archive / "2024").symlink_to(tmp_path / "disk")
    (archive / "2025" / "again").symlink_to(tmp_path / "disk" / "sub")
    (tmp_path / "disk" / "circle").symlink_to(tmp_path / "disk")
    assert _listed(archive) == ["2024/b.nii", "2024/sub/c.nii", "2025/1.dcm"]
    assert caplog.messages == [
        f"{archive}: left out of the listing: 2 further ways to a linked folder"
    ]


def test_a_link_to_what_is_listed_anyway_doubles_nothing(
    archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_bytes(str(archive / "2025" / "a.nii"), b"")
    for name, target in (("latest", "2025"), ("self", "."), ("up", ".."), ("2025/root", "../..")):
        (archive / name).symlink_to(target)
    assert _listed(archive) == ["2025/a.nii"]
    assert "4 links to folders that are in the archive anyway" in caplog.text


def test_a_link_into_a_hidden_folder_is_the_way_to_it(archive: Path) -> None:
    write_bytes(str(archive / ".store" / "x" / "a.nii"), b"")
    (archive / "data").symlink_to(".store/x")
    assert "data/a.nii" in _listed(archive)


def test_what_is_neither_file_nor_folder_is_counted_and_never_opened(
    archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(archive / "1.dcm")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(archive / "2.dcm"))
    assert _listed(archive) == []
    assert "2 pipes, sockets or devices" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_counted(
    archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (archive / "locked").mkdir(mode=0)
    assert _listed(archive) == []
    assert "1 folders that this user may not read" in caplog.text


def test_a_folder_too_deep_to_walk_is_counted(
    archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_bytes(str(archive / "a.nii"), b"")
    (archive / Path(*["d"] * 600)).mkdir(parents=True)
    assert _listed(archive) == ["a.nii"]
    assert "1 folders that lie too deep" in caplog.text


@pytest.mark.parametrize(
    "name", [b"M\xfcller.nii", b"\xff", b"a\xc3", b"line\n'\".nii", b"n" * 255]
)
def test_a_file_of_any_name_has_a_path_that_is_text_and_leads_to_it(
    archive: Path, name: bytes
) -> None:
    for folder in (archive, archive / os.fsdecode(b"f\xe4")):
        folder.mkdir(exist_ok=True)
        (folder / os.fsdecode(name)).write_bytes(b"content")
    store = open_store(str(archive))
    paths = [stored.path for stored in store.list()]
    assert len({path.encode() for path in paths}) == 2
    assert [store.get(path) for path in paths] == [b"content"] * 2


@pytest.mark.parametrize("path", ["n" * 256, "circle"])
def test_a_name_that_no_file_system_opens_is_one_failed_series(archive: Path, path: str) -> None:
    (archive / "circle").symlink_to("circle")
    with pytest.raises(SeriesError) as caught:
        open_store(str(archive)).get(path)
    assert caught.value.code is FailureCode.UNREADABLE_FILE


def test_objects_come_in_the_order_of_their_whole_paths(tmp_path: Path) -> None:
    paths = ["a-b", "a.nii", "a/1.dcm", "a0", "b/c/d", "b/c0"]
    for path in paths:
        write_bytes(str(tmp_path / path), b"")
    assert [o.path for o in open_store(str(tmp_path)).list()] == paths


def test_a_file_that_cannot_be_read_is_refused_and_the_next_one_is_read(archive: Path) -> None:
    (archive / "1.dcm").symlink_to("/proc/self/mem")  # its first byte is an input/output error
    (archive / "2.dcm").write_bytes(b"content")
    store = open_store(str(archive))

    def read_through(path: str) -> bytes:
        with store.open(path) as stream:
            return stream.read()

    for read in (store.get, lambda path: store.start(path, 9), read_through):
        with pytest.raises(SeriesError, match="input/output error") as caught:
            read("1.dcm")
        assert caught.value.code is FailureCode.UNREADABLE_FILE
        assert read("2.dcm") == b"content"


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_listing_that_is_given_up_and_a_stream_that_is_closed_leave_no_file_open(
    archive: Path,
) -> None:
    for n in range(3):
        write_bytes(str(archive / "a" / "b" / f"{n}.dcm"), b"content")
    store, before = open_store(str(archive)), _open_files()
    listing = store.list()
    next(listing)
    assert _open_files() == before  # no folder stays open while somebody takes its files
    with store.open("a/b/1.dcm") as stream:
        assert stream.read(3) == b"con"
    assert store.start("a/b/1.dcm", 3) == b"con"
    assert _open_files() == before


def test_an_archive_whose_drive_is_taken_away_while_it_is_listed_stops_the_run(
    archive: Path,
) -> None:
    for n in range(3):
        write_bytes(str(archive / f"{n}" / "a.dcm"), b"")
    listing = open_store(str(archive)).list()
    next(listing)
    archive.rename(archive.with_name("drive"))
    archive.mkdir()  # what is left where a drive was mounted
    with pytest.raises(SetupError, match="cannot be listed: its drive was taken away"):
        list(listing)


@pytest.mark.parametrize("prefix", ["file://", ""])
def test_a_folder_may_be_named_as_a_file_uri(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "a.nii").write_bytes(b"1")
    assert open_store(f"{prefix}{tmp_path}").get("a.nii") == b"1"


def test_a_private_file_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    """As on a disk that is full: nobody finds half a result under its name."""
    file = tmp_path / "result.dcm"
    write_bytes(str(file), b"whole", private=True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(SetupError, match="Cannot write"):
            write_bytes(str(file), bytes(5000), private=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [one.name for one in tmp_path.iterdir()] == ["result.dcm"]
    assert file.read_bytes() == b"whole"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
