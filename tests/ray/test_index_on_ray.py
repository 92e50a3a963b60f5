"""An archive indexed by the nodes of a Ray cluster: the same index, and nothing is told to Ray."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.stores.private_folder import PrivateFolder
from jobs.archive.index import Index
from tests.support.planted import PLANTED, UID_ROOT, findings, findings_under
from tests.support.planted_archive import PATIENT, planted_archive
from tests.support.running_job import REPOSITORY, SECRET, Job
from tests.support.tiny_cohort import good_cts, good_dicom, good_zip, write_objects
from tests.support.watched_ray import WatchedRay, watched_ray

pytestmark = [pytest.mark.ray, pytest.mark.slow]

COPIES = 1_500
"""Further images, so that there are several tasks and one of them can be met at work."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_objects(tmp_path_factory.mktemp("a") / "archive", planted_archive())
    write_objects(root, good_cts([1]) | good_dicom("s", 1) | good_zip("t", 2))
    (image,) = list(good_dicom("many", 3).values())[:1]
    uid = UID_ROOT.encode()
    own = image.replace(b"1.2.826.0.1.3680043.10.1003", uid + b".1003"[: 27 - len(uid)])
    folder = root / PATIENT / "many"
    write_objects(folder, {f"{PLANTED['file']}{n}.dcm": own for n in range(COPIES)})
    return root


@pytest.fixture(scope="module")
def ray() -> Iterator[WatchedRay]:
    with watched_ray() as ray:
        yield ray


@pytest.fixture(scope="module")
def expected(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[pa.Table]:
    """The tables that threads make."""
    kept = tmp_path_factory.mktemp("threads")
    job = indexing(archive, kept)
    assert job.finish()[0] == 0
    return tables(kept)


def indexing(
    archive: Path, kept: Path, ray: WatchedRay | None = None, code: str | None = None
) -> Job:
    """The command, in a process of its own.

    Args:
        archive: to index.
        kept: folder of the index.
        ray: where; None for threads.
        code: in place of the command, with its words.
    """
    start = ["-c", code] if code else ["-m", "jobs.index"]
    words = ["--archive", str(archive), "--out", str(kept)]
    process = subprocess.Popen(
        [sys.executable, "-P", *start, *words],
        env={
            **os.environ,
            **(ray.env if ray else {}),
            "PYTHONPATH": str(REPOSITORY),
            "CTCOHORT_SITE_SECRET": SECRET,
        },
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Job(process, tables="")


def tables(kept: Path) -> list[pa.Table]:
    generation = Index(PrivateFolder(str(kept))).generation
    return [pq.read_table(kept / generation.file(each)) for each in ("series", "files", "found")]


def test_the_index_is_the_one_that_threads_make_and_nothing_of_it_is_told_to_ray(
    archive: Path, expected: list[pa.Table], ray: WatchedRay, tmp_path: Path
) -> None:
    job = indexing(archive, tmp_path, ray)
    code, said = job.finish()
    assert code == 0, said
    assert tables(tmp_path) == expected
    assert ray.looks > 0
    assert ray.in_store == set()
    count, found = findings_under(ray.session)
    assert count > 10
    assert found == []
    ray.ask_dashboard()
    pages = [(page, answer) for page, answers in ray.answers.items() for answer in answers]
    assert pages
    assert [each for page, answer in pages for each in findings(page, answer)] == []


def test_a_worker_that_is_killed_costs_no_row(
    archive: Path, expected: list[pa.Table], ray: WatchedRay, tmp_path: Path
) -> None:
    job = indexing(archive, tmp_path, ray)
    job.kill_worker("ray::_look")
    code, said = job.finish()
    assert code == 0, said
    assert tables(tmp_path) == expected


LOST = """
import shutil, sys
from jobs.archive import refresh
from jobs.index import main
on_ray = refresh.on_ray
def lost(uri):
    def look(objects):
        shutil.rmtree(uri)
        return on_ray(uri)(objects)
    return look
refresh.on_ray = lost
main(sys.argv[1:])
"""
"""The command on an archive that goes away between its listing and its headers."""


def test_an_archive_that_goes_away_ends_the_index_with_one_sentence(
    ray: WatchedRay, tmp_path: Path
) -> None:
    archive = write_objects(tmp_path / "archive", good_dicom("s", 1))
    code, said = indexing(archive, tmp_path / "index", ray, LOST).finish()
    assert code == 2
    assert "Traceback" not in said
    assert said.splitlines()[-1] == (
        f"ctcohort index: Ray ended the index: {archive} does not exist (no such folder or bucket)."
    )


DYING = """
import os, signal, sys
from jobs.archive.looking import on_ray
from jobs.index import main
class Look:
    remote = staticmethod(lambda uri, *asked: _dies.remote())
import ray
@ray.remote(num_cpus=1, max_retries=1, num_returns="streaming")
def _dies():
    os.kill(os.getpid(), signal.SIGKILL)
    yield b"", True
on_ray._look = Look
main(sys.argv[1:])
"""
"""The command with tasks whose workers die each time, as for want of memory."""


def test_workers_that_die_each_time_end_the_index_with_one_sentence(
    ray: WatchedRay, tmp_path: Path
) -> None:
    archive = write_objects(tmp_path / "archive", good_dicom("s", 1))
    code, said = indexing(archive, tmp_path / "index", ray, DYING).finish()
    assert code == 2, said
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("ctcohort index: Ray ended the index: ")
