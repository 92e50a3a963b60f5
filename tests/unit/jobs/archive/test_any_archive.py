"""A new kind of archive is one class and one entry of SCHEMES: nothing else has to know it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from cluster.stores.contract import Archive
from cluster.stores.opening import SCHEMES, open_store
from jobs.segment_run.load import LoadSettings, _archive
from segment_actor.errors import SetupError
from segment_actor.models.way import OUR_WAY
from segment_actor.reading.series import read_series
from tests.support.ct_files import SERIES_UID
from tests.support.indexing import KEYS, files_of, index_of, read_one
from tests.support.memory_archive import MemoryArchive, instances
from tests.support.tiny_cohort import Objects, good_dicom

PACS = "dicomweb://pacs/dicom-web"
FIRST, SECOND = (good_dicom("any", number) for number in (1, 2))


@pytest.fixture
def pacs(monkeypatch: pytest.MonkeyPatch) -> Objects:
    """What the server holds: two series of one study."""
    held = instances(FIRST.values()) | instances(SECOND.values())
    monkeypatch.setitem(SCHEMES, "dicomweb", partial(MemoryArchive, server={PACS: held}))
    return held


def test_a_new_kind_of_archive_is_indexed(pacs: Objects) -> None:
    index = index_of(open_store(PACS))
    uids = [SERIES_UID.replace(".1234.", f".{number}.") for number in (1001, 1002)]
    found = index.series()
    assert [s.series_key for s in found] == [KEYS.series_key(uid) for uid in uids]
    assert {s.archive for s in found} == {PACS}
    files = files_of(index)
    assert sorted(one.path for number in files for one in files[number]) == sorted(pacs)


@pytest.mark.usefixtures("pacs")
def test_a_new_kind_of_archive_is_read_by_the_load_stage() -> None:
    settings = LoadSettings(PACS, (), OUR_WAY, max_attempts=1)
    archive: Archive = _archive(settings.open_archive, settings.archive)
    index = index_of(archive)
    scan = read_one(archive, index, index.series()[0])
    expected = read_series("dicom", list(FIRST.values()))
    assert np.array_equal(scan.volume.hu, expected.volume.hu)


@pytest.mark.usefixtures("pacs")
def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"only folders, s3://.* and dicomweb:// are understood"):
        open_store("ftp://pacs")
