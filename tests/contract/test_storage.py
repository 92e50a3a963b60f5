"""A place that cannot hold tables is one clear sentence, also on a real server or a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from segment_actor.errors import SetupError
from stats.tables.commit import Batch, CohortTables, Stamp
from tests.support.seaweed import Seaweed, running_seaweed


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.mark.s3
@pytest.mark.parametrize(
    ("uri", "changed", "sentence"),
    [
        ("s3://nobucket/t", {}, "the bucket does not exist"),
        ("s3://tables/t", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "does not accept the credentials"),
        ("s3://tables/t", {"AWS_ACCESS_KEY_ID": "wrong"}, "does not accept the credentials"),
        ("s3://tables/t", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "does not answer"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_clear_sentence(
    uri: str,
    changed: dict[str, str],
    sentence: str,
    seaweed: Seaweed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seaweed.use(monkeypatch, **changed)
    with pytest.raises(SetupError, match=sentence) as raised:
        CohortTables(uri)
    assert "\n" not in str(raised.value)


@pytest.mark.s3
def test_a_reader_may_not_commit_and_is_told_so(
    seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seaweed.use(
        monkeypatch,
        AWS_ACCESS_KEY_ID=seaweed.reader_access_key,
        AWS_SECRET_ACCESS_KEY=seaweed.reader_secret_key,
    )
    with pytest.raises(SetupError, match="ask for permission"):
        CohortTables("s3://tables/forbidden")


@pytest.mark.s3
def test_a_store_that_goes_away_meanwhile_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = Stamp("r", "2026-01-31", "v")
    with running_seaweed(tmp_path) as server:
        server.use(monkeypatch)
        tables = CohortTables("s3://tables/t")
        tables.commit(Batch(scans=[{"series_key": "a"}]), stamp)
        os.kill(server.pid, signal.SIGKILL)
        doing: list[Callable[[], object]] = [
            lambda: tables.commit(Batch(scans=[{"series_key": "b"}]), stamp),
            lambda: tables.write_run({"run_id": "r", "status": "failed"}, stamp),
            lambda: tables.done("v"),
            lambda: CohortTables("s3://tables/t"),
        ]
        for do in doing:
            with pytest.raises(SetupError, match="the store does not answer"):
                do()


def test_a_file_in_the_place_of_the_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SetupError, match="is a file, not a folder"):
        CohortTables(str(tmp_path / "file"))


def test_an_unknown_kind_of_address_is_refused() -> None:
    with pytest.raises(SetupError, match="local folder or begin with s3://"):
        CohortTables("ftp://somewhere/tables")


@pytest.mark.parametrize("sign", ["*", "?", "[", "]", "%", "\\"])
def test_a_name_that_means_something_else_to_the_engines_is_refused(
    sign: str, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match="its name may hold none of"):
        CohortTables(str(tmp_path / f"a{sign}b"))


COMMIT_UNTIL_FULL = """
import sys
from segment_actor.errors import SetupError
from stats.tables.commit import Batch, CohortTables, Stamp
try:
    tables = CohortTables(sys.argv[1])
    for n in range(1000):
        rows = [{"series_key": f"{n}-{m}"} for m in range(1000)]
        tables.commit(Batch(scans=rows), Stamp("r", "2026-01-31", "v"))
except SetupError as error:
    print(error)
"""


def test_a_full_disk_is_one_clear_sentence(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-rm", "bash", "-c", mount, "-", str(tmp_path), sys.executable]
    result = subprocess.run(
        [*command, COMMIT_UNTIL_FULL], check=False, capture_output=True, text=True
    )
    if not result.stdout and ("unshare" in result.stderr or "mount" in result.stderr):
        pytest.skip("needs a user namespace in which a tiny disk can be mounted")
    assert "the disk is full: make room" in result.stdout
    assert len(result.stdout.splitlines()) == 1
