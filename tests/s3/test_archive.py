"""An archive in a real bucket: listed and read as a folder is, and refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import s3fs
from click.testing import CliRunner

from cluster.stores.one_file import write_bytes
from cluster.stores.opening import open_store
from cluster.stores.private_folder import PrivateFolder
from jobs.__main__ import main
from jobs.archive.index import Index, update_index
from jobs.archive.looking.side_by_side import in_threads
from segment_actor.errors import FailureCode, SeriesError, SetupError
from tests.support.indexing import KEYS, files_of, index_of
from tests.support.ray_cluster import running_cluster
from tests.support.running_job import SECRET, committed, running_job
from tests.support.seaweed import Seaweed, running_seaweed
from tests.support.tiny_cohort import (
    Objects,
    broken,
    good_cts,
    good_dicom,
    good_zip,
    write_objects,
    write_tiny_model_set,
)

pytestmark = pytest.mark.s3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as seaweed:
        yield seaweed


@pytest.fixture
def seaweed(server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    """The server, and the environment that leads to it."""
    server.use(monkeypatch)
    return server


def upload(prefix: str, objects: Objects) -> str:
    for path, blob in objects.items():
        write_bytes(f"{prefix}/{path}", blob)
    return prefix


@pytest.mark.usefixtures("seaweed")
def test_a_bucket_is_indexed_as_the_same_folder_is(tmp_path: Path) -> None:
    objects = good_cts([1, 2]) | good_dicom("series", 3) | good_zip("export", 4)
    bucket = open_store(upload("s3://cts/index", objects))
    folder = open_store(str(write_objects(tmp_path, objects)))
    here, there = index_of(folder).series(), index_of(bucket).series()
    assert [replace(s, archive="", input_version="") for s in there] == [
        replace(s, archive="", input_version="") for s in here
    ]
    assert bucket.get("ct001.nii.gz") == objects["ct001.nii.gz"]


@pytest.mark.usefixtures("seaweed")
def test_an_object_written_anew_has_another_version_only_if_its_content_changed() -> None:
    store = open_store(upload("s3://cts/versions", {"a.nii": b"one"}))
    first = list(store.list())
    upload("s3://cts/versions", {"a.nii": b"one"})
    assert list(store.list()) == first
    upload("s3://cts/versions", {"a.nii": b"two"})
    assert list(store.list()) != first


@pytest.mark.usefixtures("seaweed")
def test_an_object_that_only_marks_a_folder_is_not_listed() -> None:
    bucket = open_store(upload("s3://cts/marked", {"series/1.dcm": b"1"}))
    s3 = s3fs.S3FileSystem(skip_instance_cache=True)
    s3.call_s3("put_object", Bucket="cts", Key="marked/series/")
    s3.call_s3("put_object", Bucket="cts", Key="marked/empty/")
    assert [o.path for o in bucket.list()] == ["series/1.dcm"]


@pytest.mark.usefixtures("seaweed")
def test_a_vanished_object_is_the_series_failure() -> None:
    with pytest.raises(SeriesError) as caught:
        open_store("s3://cts/vanished").get("gone.nii.gz")
    assert caught.value.code is FailureCode.VANISHED


@pytest.mark.usefixtures("seaweed")
def test_a_missing_bucket_is_refused() -> None:
    with pytest.raises(SetupError, match="s3://nowhere does not exist"):
        open_store("s3://nowhere")


@pytest.mark.parametrize(
    "wrong", [{"AWS_SECRET_ACCESS_KEY": "wrong"}, {"AWS_ACCESS_KEY_ID": "nobody"}]
)
def test_wrong_credentials_are_refused(
    seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    seaweed.use(monkeypatch, **wrong)
    with pytest.raises(SetupError, match="refuses these credentials"):
        open_store("s3://cts")


def test_a_store_that_does_not_answer_is_said(
    seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seaweed.use(monkeypatch, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    with pytest.raises(SetupError, match="s3://cts does not answer"):
        open_store("s3://cts")


@pytest.mark.usefixtures("seaweed")
def test_an_index_may_lie_in_a_bucket_too(tmp_path: Path) -> None:
    archive = open_store(str(write_objects(tmp_path, good_cts([1]) | good_dicom("s", 2))))
    kept = PrivateFolder("s3://tables/index")
    for _ in range(3):
        made = update_index(kept, archive, KEYS, in_threads(archive), {})
    assert Index(kept).series() == made.series() == index_of(archive).series()
    assert files_of(Index(kept)) == files_of(index_of(archive))
    assert sum(name.startswith("series-") for name in kept.names()) == 1  # nothing changed


@pytest.mark.ray
def test_a_whole_run_from_bucket_to_bucket_and_once_more(seaweed: Seaweed, tmp_path: Path) -> None:
    bad_objects, bad = broken()
    archive = upload("s3://cts/run", good_cts([1, 2]) | bad_objects)
    models = write_tiny_model_set(tmp_path)
    tables = "s3://tables/run"
    with (
        running_cluster(seaweed.environment) as env,
        running_job(archive, tables, models, env=env) as job,
    ):
        code, said = job.finish()
    assert code == 1, said
    rows = committed(tables)
    assert len(rows["scans"]) == 2
    assert sorted(r[2] for r in rows["failures"]) == sorted(b.code.value for b in bad.values())
    s3 = s3fs.S3FileSystem(skip_instance_cache=True)
    before = s3.find("tables/run")
    with running_job(archive, tables, models) as job:
        code, said = job.finish()
    assert (code, s3.find("tables/run")) == (0, before)


def test_a_run_with_wrong_credentials_ends_with_exit_code_2(
    seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"AWS_SECRET_ACCESS_KEY": "wrong", "CTCOHORT_SITE_SECRET": SECRET}
    seaweed.use(monkeypatch, **wrong)
    models = write_tiny_model_set(tmp_path, groups=["organs"])
    flags = ["--archive", "s3://cts", "--tables", "s3://tables/x", "--model-set", str(models)]
    done = CliRunner().invoke(main, ["segment", *flags])
    assert done.exit_code == 2
    assert "ctcohort segment: s3://cts refuses these credentials" in done.stderr
