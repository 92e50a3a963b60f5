"""A new kind of archive is one class and one entry of SCHEMES: nothing else has to know it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from cluster.stores.contract import Archive, StoredObject
from cluster.stores.opening import SCHEMES, open_store
from jobs.archive.keys import KeyMaker
from jobs.archive.listing import group_objects, index_archive
from jobs.segment_run.load import LoadSettings, _archive
from segment_actor.errors import SetupError
from segment_actor.models.way import OUR_WAY
from segment_actor.reading.series import read_series
from tests.support.ct_files import SERIES_UID
from tests.support.memory_archive import MemoryArchive, instances
from tests.support.tiny_cohort import Objects, good_dicom

KEYS = KeyMaker(b"0123456789abcdef")
PACS = "dicomweb://pacs/dicom-web"
FIRST, SECOND = (good_dicom("any", number) for number in (1, 2))


@pytest.fixture
def pacs(monkeypatch: pytest.MonkeyPatch) -> Objects:
    """What the server holds: two series of one study."""
    held = instances(FIRST.values()) | instances(SECOND.values())
    monkeypatch.setitem(SCHEMES, "dicomweb", partial(MemoryArchive, server={PACS: held}))
    return held


def test_instances_named_by_uids_become_series_by_their_paths() -> None:
    paths = [f"studies/1.2/series/1.2.{n}/instances/1.2.{n}.{k}" for n in (3, 40) for k in (0, 17)]
    found = group_objects([StoredObject(path, 1, "v") for path in paths])
    assert [(s.kind, s.path, len(s.objects)) for s in found] == [
        ("dicom", "studies/1.2/series/1.2.3/instances", 2),
        ("dicom", "studies/1.2/series/1.2.40/instances", 2),
    ]


def test_a_new_kind_of_archive_is_indexed(pacs: Objects) -> None:
    found = index_archive(open_store(PACS), KEYS)
    uids = [SERIES_UID.replace(".1234.", f".{number}.") for number in (1001, 1002)]
    assert [s.series_key for s in found] == [KEYS.series_key(uid) for uid in uids]
    assert {s.archive for s in found} == {PACS}
    assert [path for s in found for path in s.files] == sorted(pacs)


@pytest.mark.usefixtures("pacs")
def test_a_new_kind_of_archive_is_read_by_the_load_stage() -> None:
    settings = LoadSettings(PACS, (), OUR_WAY, max_attempts=1)
    archive: Archive = _archive(settings.open_archive, settings.archive)
    series = index_archive(archive, KEYS)[0]
    scan = read_series(series.kind, [archive.get(path) for path in series.files])
    expected = read_series("dicom", list(FIRST.values()))
    assert np.array_equal(scan.volume.hu, expected.volume.hu)


@pytest.mark.usefixtures("pacs")
def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"only folders, s3://.* and dicomweb:// are understood"):
        open_store("ftp://pacs")
