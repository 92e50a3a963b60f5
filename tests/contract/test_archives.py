"""What every archive keeps, whichever it is: the claims of cluster.stores.contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
    """Somewhere an archive can be, holding `objects`.

    Attributes:
        uri: of the archive.
        missing_uri: one of the same kind, where there is none.
        put, remove: change what lies there; None where an archive is only read.
        objects: what `get` gives of each path.
        headers_alone: `open` and `start` leave out what lies behind the headers.
    """

    uri: str
    missing_uri: str
    put: Callable[[str, bytes], None] | None
    remove: Callable[[str], None] | None
    objects: Objects = field(default_factory=lambda: dict(OBJECTS))
    headers_alone: bool = False


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    root = tmp_path / "archive"
    root.mkdir()
    return _filled(
        Place(
            str(root),
            str(tmp_path / "nowhere"),
            lambda path, blob: write_bytes(str(root / path), blob),
            lambda path: (root / path).unlink(),
        )
    )


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Place:
    held: Objects = {}
    server = {"memory://archive": held}
    monkeypatch.setitem(SCHEMES, "memory", partial(MemoryArchive, server=server))
    return _filled(
        Place("memory://archive", "memory://nowhere", held.__setitem__, held.__delitem__)
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as seaweed:
        yield seaweed


@pytest.fixture
def bucket(server: Seaweed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    server.use(monkeypatch)
    uri = f"s3://cts/{tmp_path.name}"  # one prefix a test
    write_bytes(f"{uri}-beside/a.nii", b"of another archive")
    return _filled(
        Place(
            uri,
            "s3://nowhere",
            lambda path, blob: write_bytes(f"{uri}/{path}", blob),
            lambda path: s3fs.S3FileSystem(skip_instance_cache=True).rm_file(f"{uri}/{path}"),
        )
    )


def _filled(place: Place) -> Place:
    assert place.put
    for path, blob in place.objects.items():
        place.put(path, blob)
    return place


@pytest.fixture(params=["folder", "memory", pytest.param("bucket", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest) -> Place:
    """Each kind of archive: a new one is one more fixture, and its name here."""
    made: Place = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def archive(place: Place) -> Archive:
    return open_store(place.uri)


class TestArchive:
    def test_it_lists_each_object_once_by_its_path(self, archive: Archive, place: Place) -> None:
        assert sorted(o.path for o in archive.list()) == sorted(place.objects)

    def test_it_lists_each_object_with_its_size(self, archive: Archive, place: Place) -> None:
        if place.headers_alone:
            pytest.skip("made of an answer whose size nobody knows before")
        sizes = {o.path: o.size_bytes for o in archive.list()}
        assert sizes == {path: len(blob) for path, blob in place.objects.items()}

    def test_it_lists_what_starts_with_a_prefix(self, archive: Archive, place: Place) -> None:
        beginnings = {path[:end] for path in place.objects for end in range(len(path) + 1)}
        for prefix in [*beginnings, "c/", f"{min(place.objects)}/"]:
            listed = sorted(o.path for o in archive.list(prefix))
            assert listed == sorted(path for path in place.objects if path.startswith(prefix))

    def test_what_it_tells_without_a_token_is_all_there_is(
        self, archive: Archive, place: Place
    ) -> None:
        told = sorted(o.path for o in archive.changes(None).objects)
        assert told == sorted(place.objects)

    def test_what_it_tells_with_its_token_is_again_all_or_nothing_new(
        self, archive: Archive
    ) -> None:
        first = archive.changes(None)
        before = set(first.objects)
        then = archive.changes(first.token)
        now = set(then.objects)
        assert now == before if then.whole else now <= before

    def test_a_version_stays_as_long_as_the_content(self, archive: Archive) -> None:
        assert set(archive.list()) == set(archive.list())

    def test_a_version_changes_with_the_content_alone(self, archive: Archive, place: Place) -> None:
        put = place.put or pytest.skip("is only read")
        before = {o.path: o.version for o in archive.list()}
        put("a.nii", b"another")
        after = {o.path: o.version for o in archive.list()}
        assert {path for path in before if after[path] != before[path]} == {"a.nii"}

    def test_it_gives_the_bytes_that_lie_there(self, archive: Archive, place: Place) -> None:
        assert {path: archive.get(path) for path in place.objects} == place.objects

    def test_it_opens_what_it_gives(self, archive: Archive, place: Place) -> None:
        if place.headers_alone:
            pytest.skip("its headers come from elsewhere")
        for path, blob in place.objects.items():
            with archive.open(path) as stream:
                assert stream.read() == blob

    @pytest.mark.parametrize("n_bytes", [1, 4, 65_536, len(BLOB), len(BLOB) + 1])
    def test_it_gives_the_first_bytes_of_what_it_opens_or_as_many_as_there_are(
        self, archive: Archive, place: Place, n_bytes: int
    ) -> None:
        for path in place.objects:
            with archive.open(path) as stream:
                assert archive.start(path, n_bytes) == stream.read(n_bytes)

    @pytest.mark.parametrize(("start", "size"), [(0, 4), (262_140, 9), (-3, 10), (-9, 4)])
    def test_a_stream_gives_any_part(
        self, archive: Archive, place: Place, start: int, size: int
    ) -> None:
        for path in place.objects:
            with archive.open(path) as stream:
                whole = stream.read()
                at = stream.seek(max(start, -len(whole)), 2 if start < 0 else 0)
                assert stream.read(size) == whole[at : at + size]
                assert stream.seek(0, 2) == stream.tell() == len(whole)

    def test_many_threads_may_read_at_a_time(self, archive: Archive, place: Place) -> None:
        paths = list(place.objects) * 8
        with ThreadPoolExecutor(16) as threads:
            assert list(threads.map(archive.get, paths)) == [place.objects[p] for p in paths]
            list(threads.map(lambda path: archive.start(path, 9), paths))

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
        remove = place.remove or pytest.skip("is only read")
        assert archive.get("a.nii")
        remove("a.nii")
        assert "a.nii" not in {o.path for o in archive.list()}
        with pytest.raises(SeriesError):
            archive.get("a.nii")

    def test_an_archive_that_is_not_there_is_refused(self, place: Place) -> None:
        with pytest.raises(SetupError, match=f"{place.missing_uri} does not"):
            open_store(place.missing_uri)
        scheme = place.uri.partition("://")[0] if "://" in place.uri else ""
        unseen = SCHEMES[scheme](place.missing_uri)
        with pytest.raises(SetupError, match="cannot be listed"):
            list(unseen.list())
        with pytest.raises(SetupError, match="cannot be listed"):
            list(unseen.changes(None).objects)
        with pytest.raises(SetupError, match="does not"):
            unseen.get(min(place.objects))
