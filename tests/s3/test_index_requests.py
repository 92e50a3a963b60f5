"""How many requests a bucket gets from an index, and from the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
import s3fs

from tests.support.counted_store import counted
from tests.support.indexing import index_of
from tests.support.seaweed import running_seaweed
from tests.support.tiny_cohort import Objects, good_dicom

pytestmark = pytest.mark.s3


def put(objects: Objects) -> None:
    s3 = s3fs.S3FileSystem(skip_instance_cache=True)
    for path, blob in objects.items():
        s3.pipe_file(f"cts/a/{path}", blob)


def test_an_index_asks_for_the_start_of_each_new_object_once_and_for_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        running_seaweed(tmp_path / "weed") as server,
        counted(server, tmp_path) as front,
    ):
        front.store.use(monkeypatch)
        first, later = good_dicom("first", 1), good_dicom("later", 2)
        for new in (first, {}, later, {}):
            put(new)
            front.forget()
            index_of("s3://cts/a", tmp_path / "index")
            assert sorted(front.requests("GET")) == sorted(f"cts/a/{path}" for path in new)
            assert front.requests("HEAD") == []
            assert len(front.requests("LIST")) <= 4
