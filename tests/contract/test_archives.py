"""What every archive keeps, whichever it is: the claims of cluster.stores.contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import s3fs

from cluster.stores.contract import Archive
from cluster.stores.one_file import write_bytes
from cluster.stores.opening import SCHEMES, open_store
from segment_actor.errors import FailureCode, SeriesError, SetupError
from tests.support.memory_archive import MemoryArchive
from tests.support.seaweed import Seaweed, running_seaweed
from tests.support.tiny_cohort import Objects

BLOB = bytes(range(256)) * 2048
"""Larger than the block that `open` fetches at a time from a bucket."""

OBJECTS = {"a.nii": b"one", "b/2": BLOB, "b/1.dcm": b"", "b-c/3": b"three"}


@dataclass(frozen=True)
class Place:
    """Somewhere an archive can be, with the means to change what lies there."""

    uri: str
    missing_uri: str
    put: Callable[[str, bytes], None]
    remove: Callable[[str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    root = tmp_path / "archive"
    root.mkdir()
    return Place(
        str(root),
        str(tmp_path / "nowhere"),
        lambda path, blob: write_bytes(str(root / path), blob),
        lambda path: (root / path).unlink(),
    )


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Place:
    held: Objects = {}
    server = {"memory://archive": held}
    monkeypatch.setitem(SCHEMES, "memory", partial(MemoryArchive, server=server))
    return Place("memory://archive", "memory://nowhere", held.__setitem__, held.__delitem__)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as seaweed:
        yield seaweed


@pytest.fixture
def bucket(server: Seaweed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    server.use(monkeypatch)
    uri = f"s3://cts/{tmp_path.name}"  # one prefix a test
    write_bytes(f"{uri}-beside/a.nii", b"of another archive")
    return Place(
        uri,
        "s3://nowhere",
        lambda path, blob: write_bytes(f"{uri}/{path}", blob),
        lambda path: s3fs.S3FileSystem(skip_instance_cache=True).rm_file(f"{uri}/{path}"),
    )


@pytest.fixture(params=["folder", "memory", pytest.param("bucket", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest) -> Place:
    """Each kind of archive, holding OBJECTS."""
    made: Place = request.getfixturevalue(request.param)
    for path, blob in OBJECTS.items():
        made.put(path, blob)
    return made


@pytest.fixture
def archive(place: Place) -> Archive:
    return open_store(place.uri)


class TestArchive:
    def test_it_lists_each_object_once_by_its_path_and_size(self, archive: Archive) -> None:
        listed = sorted((o.path, o.size_bytes) for o in archive.list())
        assert listed == sorted((path, len(blob)) for path, blob in OBJECTS.items())

    @pytest.mark.parametrize("prefix", ["", "b", "b/", "b/1", "a.nii", "c/", "b/1.dcm/"])
    def test_it_lists_what_starts_with_a_prefix(self, archive: Archive, prefix: str) -> None:
        listed = sorted(o.path for o in archive.list(prefix))
        assert listed == sorted(path for path in OBJECTS if path.startswith(prefix))

    def test_a_version_changes_with_the_content_alone(self, archive: Archive, place: Place) -> None:
        before = {o.path: o.version for o in archive.list()}
        place.put("a.nii", b"another")
        after = {o.path: o.version for o in archive.list()}
        assert {path for path in OBJECTS if after[path] != before[path]} == {"a.nii"}

    @pytest.mark.parametrize("path", OBJECTS)
    def test_it_gives_the_bytes_that_lie_there(self, archive: Archive, path: str) -> None:
        assert archive.get(path) == OBJECTS[path]

    def test_what_it_tells_without_a_token_is_all_there_is(self, archive: Archive) -> None:
        changes = archive.changes(None)
        assert changes.whole
        assert sorted(changes.objects, key=lambda o: o.path) == sorted(
            archive.list(), key=lambda o: o.path
        )

    @pytest.mark.parametrize("path", OBJECTS)
    @pytest.mark.parametrize("n_bytes", [1, 4, 65_536, len(BLOB), len(BLOB) + 1])
    def test_it_gives_the_first_bytes_or_as_many_as_there_are(
        self, archive: Archive, path: str, n_bytes: int
    ) -> None:
        assert archive.start(path, n_bytes) == OBJECTS[path][:n_bytes]

    @pytest.mark.parametrize(("start", "size"), [(0, 4), (262_140, 9), (len(BLOB) - 3, 10)])
    def test_a_stream_gives_any_part(self, archive: Archive, start: int, size: int) -> None:
        with archive.open("b/2") as stream:
            stream.seek(start)
            assert stream.read(size) == BLOB[start : start + size]
            assert stream.seek(-2, 2) == stream.tell() == len(BLOB) - 2

    @pytest.mark.parametrize("path", ["gone.nii", "gone/too.nii", "a.nii/below"])
    def test_an_object_that_is_not_there_is_the_failure_of_its_series(
        self, archive: Archive, path: str
    ) -> None:
        for read in (archive.get, archive.open, lambda path: archive.start(path, 9)):
            with pytest.raises(SeriesError) as caught:
                read(path)
            assert caught.value.code is FailureCode.VANISHED
            assert path not in caught.value.sentence

    def test_an_object_that_was_removed_is_neither_listed_nor_read(
        self, archive: Archive, place: Place
    ) -> None:
        assert archive.get("a.nii")
        place.remove("a.nii")
        assert "a.nii" not in {o.path for o in archive.list()}
        with pytest.raises(SeriesError):
            archive.get("a.nii")

    def test_an_archive_that_is_not_there_is_refused(self, place: Place) -> None:
        with pytest.raises(SetupError, match=f"{place.missing_uri} does not exist"):
            open_store(place.missing_uri)
        scheme = place.uri.partition("://")[0] if "://" in place.uri else ""
        unseen = SCHEMES[scheme](place.missing_uri)
        with pytest.raises(SetupError, match="cannot be listed"):
            list(unseen.list())
        with pytest.raises(SetupError, match="does not exist"):
            unseen.get("a.nii")
