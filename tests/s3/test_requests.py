"""How many requests a store gets for what is asked of an archive."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
import s3fs

from cluster.stores.one_file import write_bytes
from cluster.stores.opening import open_store
from segment_actor.errors import FailureCode, SeriesError, SetupError
from tests.support.counted_store import CUT, Counted, counted
from tests.support.indexing import index_of
from tests.support.seaweed import running_seaweed
from tests.support.tiny_cohort import good_dicom

pytestmark = pytest.mark.s3

SERIES, SLICES = 40, 60
"""More than two pages of a listing."""


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    with (
        running_seaweed(tmp_path_factory.mktemp("seaweed")) as server,
        counted(server, tmp_path_factory.mktemp("front")) as front,
    ):
        yield front


@pytest.fixture
def store(front: Counted, monkeypatch: pytest.MonkeyPatch) -> Counted:
    front.store.use(monkeypatch)
    return front


@pytest.fixture(scope="module")
def paths(front: Counted) -> list[str]:
    """What lies under s3://cts/many."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(16) as threads:
        front.store.use(patch)
        paths = [f"{n:03}/{k:03}.dcm" for n in range(SERIES) for k in range(SLICES)]
        list(threads.map(lambda path: write_bytes(f"s3://cts/many/{path}", b"content"), paths))
    return paths


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, store: Counted) -> Iterator[None]:
    """No waits between tries, and no trouble left behind."""
    monkeypatch.setattr("cluster.stores.s3.bucket.WAITS_S", (0, 0, 0))
    yield
    store.forget()


def put(key: str, blob: bytes) -> None:
    """By the API itself: s3fs takes some names for others."""
    s3 = s3fs.S3FileSystem(skip_instance_cache=True)
    s3.call_s3("put_object", Bucket="cts", Key=key, Body=blob)


def test_the_start_of_an_object_is_one_ranged_request(store: Counted) -> None:
    write_bytes("s3://cts/one/a.dcm", b"content")
    archive = open_store("s3://cts/one")
    store.forget()
    assert archive.start("a.dcm", 4) == b"cont"
    assert archive.get("a.dcm") == b"content"
    assert store.requests("GET") == ["cts/one/a.dcm"] * 2
    assert store.requests("HEAD") == store.requests("LIST") == []


def test_a_stream_takes_one_request_for_its_size_and_one_for_a_block(store: Counted) -> None:
    write_bytes("s3://cts/stream/a.zip", bytes(3 << 20))
    archive = open_store("s3://cts/stream")
    store.forget()
    with archive.open("a.zip") as stream:
        stream.seek(-22, 2)
        assert stream.read() == bytes(22)
    assert (len(store.requests("HEAD")), len(store.requests("GET"))) == (1, 1)


def test_the_headers_in_a_zip_take_one_request_each_and_one_for_the_directory(
    store: Counted,
) -> None:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as made:
        for n in range(5):
            made.writestr(f"{n}.dcm", bytes([n]) * 500_000)
    put("zips/a.zip", buffer.getvalue())
    archive = open_store("s3://cts/zips")
    store.forget()
    with archive.open("a.zip") as stream, zipfile.ZipFile(stream) as found:
        for n, name in enumerate(found.namelist()):
            with found.open(name) as member:
                assert member.read(1000) == bytes([n]) * 1000
    assert (len(store.requests("HEAD")), len(store.requests("GET"))) == (1, 1 + 5)
    store.forget()
    with archive.open("a.zip") as stream:
        assert b"".join(iter(lambda: stream.read(9_999), b"")) == buffer.getvalue()
    assert len(store.requests("GET")) <= 6  # of 64, 128, 256, 512, 1024 and 2048 KiB


def test_a_listing_takes_few_more_requests_than_it_has_pages(
    store: Counted, paths: list[str]
) -> None:
    archive = open_store("s3://cts/many")
    store.forget()
    assert sorted(stored.path for stored in archive.list()) == paths
    assert len(store.requests("LIST", "cts/many/")) <= 12  # a page more for each run of 16 folders
    assert store.requests("GET") == store.requests("HEAD") == []


@pytest.mark.usefixtures("store", "paths")
def test_a_listing_that_is_given_up_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    listing = open_store("s3://cts/many").list()
    assert len(list(islice(listing, 3))) == 3
    assert threading.active_count() > before
    listing.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.usefixtures("store")
def test_a_folder_of_more_than_two_pages_is_listed() -> None:
    with ThreadPoolExecutor(16) as threads:
        paths = [f"{n:04}" for n in range(2_100)]
        list(threads.map(lambda path: write_bytes(f"s3://cts/flat/{path}", b""), paths))
    assert sorted(stored.path for stored in open_store("s3://cts/flat").list()) == paths


@pytest.mark.parametrize(
    "path",
    [
        "a?versionId=null",
        "b?versionId=3/ct.nii",
        "c d/e+f",
        "q%41&x=<y>'\"",
        "é/Ω",
        "\U0001f600",
        "n\nl",
    ],
)
@pytest.mark.usefixtures("store")
def test_an_object_of_any_name_is_listed_and_read(path: str) -> None:
    archive = open_store(f"s3://cts/names/{path.encode().hex()}")
    put(f"names/{path.encode().hex()}/{path}", b"content")
    assert [stored.path for stored in archive.list()] == [path]
    with archive.open(path) as stream:
        assert archive.get(path) == archive.start(path, 99) == stream.read() == b"content"


@pytest.mark.parametrize("path", ["//two", "/first", "a//b"])
@pytest.mark.usefixtures("store")
def test_an_object_with_empty_folders_in_its_name_is_read_as_it_is_listed(path: str) -> None:
    archive = open_store(f"s3://cts/slashes/{path.encode().hex()}")
    put(f"slashes/{path.encode().hex()}/{path}", b"content")  # SeaweedFS makes one slash of two
    (listed,) = archive.list()
    assert archive.get(listed.path) == b"content"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [CUT, 500, 503, 429])
def test_an_answer_that_fails_twice_is_asked_for_again(store: Counted, status: int) -> None:
    put("again/a.dcm", b"content")
    archive = open_store("s3://cts/again")
    store.forget()
    store.fail("cts/again/a.dcm", status, times=2)
    assert archive.get("a.dcm") == b"content"
    assert len(store.requests("GET")) == 3


@pytest.mark.usefixtures("quick")
def test_an_object_the_store_cannot_read_is_refused_alone(store: Counted) -> None:
    put("broken/a.dcm", b"content")
    put("broken/b.dcm", b"content")
    archive = open_store("s3://cts/broken")
    store.fail("cts/broken/a.dcm", 500, times=99)
    with pytest.raises(SeriesError) as caught:
        archive.get("a.dcm")
    assert caught.value.code is FailureCode.UNREADABLE_FILE
    assert archive.get("b.dcm") == b"content"


@pytest.mark.usefixtures("quick")
def test_a_store_that_stays_busy_stops_the_run(store: Counted) -> None:
    archive = open_store("s3://cts")
    store.fail("cts/", 503, times=99)
    for use in (lambda: archive.get("a.dcm"), lambda: list(archive.list()), archive.check):
        with pytest.raises(SetupError, match=r"s3://cts (no longer|cannot|does not)"):
            use()


@pytest.mark.usefixtures("store")
def test_an_object_written_anew_between_two_of_its_parts_is_not_mixed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put("parts/a.nii", bytes(range(100)))
    archive = open_store("s3://cts/parts")
    monkeypatch.setattr("cluster.stores.s3.archive.PART_BYTES", 9)
    assert archive.get("a.nii") == bytes(range(100))
    with archive.open("a.nii") as stream:
        put("parts/a.nii", bytes(100))
        with pytest.raises(SeriesError) as caught:
            stream.read()
    assert caught.value.code is FailureCode.VANISHED


def test_an_index_reads_the_start_of_each_new_object_once_and_of_no_other(
    store: Counted, tmp_path: Path
) -> None:
    first, later = good_dicom("one", 1), good_dicom("two", 2)
    for path, blob in first.items():
        put(f"index/{path}", blob)
    archive, kept = open_store("s3://cts/index"), tmp_path / "index"
    store.forget()
    index_of(archive, kept)
    assert sorted(store.requests("GET")) == sorted(f"cts/index/{path}" for path in first)
    store.forget()
    index_of(archive, kept)
    assert store.requests("GET") == store.requests("HEAD") == []
    for path, blob in later.items():
        put(f"index/{path}", blob)
    store.forget()
    assert len(index_of(archive, kept).series()) == 2
    assert sorted(store.requests("GET")) == sorted(f"cts/index/{path}" for path in later)
    assert store.requests("HEAD") == []
