"""Zips and tars in an archive: the files in them, and what is lost with them."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from cluster.stores.opening import open_store
from jobs.archive.looking import headers
from segment_actor.errors import SeriesError
from tests.support.ct_files import SERIES_UID, zipped
from tests.support.indexing import KEYS, index_of, read_one
from tests.support.tiny_cohort import good_dicom, write_objects

UID_OF_1 = SERIES_UID.replace(".1234.", ".1001.")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_with_a_damaged_member_keeps_its_path_as_identity(
    tmp_path: Path, method: int
) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w", method) as zipped:
        zipped.writestr("1.dcm", next(iter(good_dicom("s", 1).values())))
    with (tmp_path / "t.zip").open("r+b") as file:
        file.seek(48)  # behind the header of the member and what each method says of itself
        file.write(b"\xff" * 64)
    assert [s.series_key for s in index_of(tmp_path).series()] == [KEYS.series_key("t.zip")]


@pytest.mark.parametrize("folder", ["s/", "elsewhere/"])
def test_a_damaged_zip_may_hold_the_rest_of_the_series_beside_it(
    tmp_path: Path, folder: str
) -> None:
    """Half of an export as files, the other half packed: half a CT is no CT."""
    half = zipped(good_dicom("s", 2))[:-2000]
    write_objects(tmp_path, good_dicom("s", 1) | {f"{folder}rest.zip": half})
    index = index_of(tmp_path)
    ours = KEYS.series_key(UID_OF_1)
    (series,) = (one for one in index.series() if one.series_key == ours)
    if folder == "s/":
        assert len(index.series()) == 1
        with pytest.raises(SeriesError, match="unreadable_file"):
            read_one(open_store(str(tmp_path)), index, series)
    else:
        assert len(index.series()) == 2
        assert read_one(open_store(str(tmp_path)), index, series).volume.shape[2] > 2


def test_a_container_of_too_many_files_gives_no_series_that_may_go_on_behind_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers, "MAX_MEMBERS", 10)
    write_objects(tmp_path, {"all.zip": zipped(good_dicom("s", 1))})
    index = index_of(tmp_path)
    (series,) = index.series()
    assert series.images == 11  # ten images, and what holds more
    with pytest.raises(SeriesError):
        read_one(open_store(str(tmp_path)), index, series)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_any_method_is_known_by_its_uid(tmp_path: Path, method: int) -> None:
    write_objects(tmp_path / "zip", {"t.zip": zipped(good_dicom("s", 1), method)})
    write_objects(tmp_path / "plain", good_dicom("s", 1))
    keys = [index_of(tmp_path / p).series()[0].series_key for p in ("zip", "plain")]
    assert keys[0] == keys[1] != KEYS.series_key("t.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_of_a_zip_bomb_only_the_beginning_is_unpacked(tmp_path: Path, method: int) -> None:
    # one element longer than all that is asked for; of zeros, each eight bytes would be one
    bomb = bytes(128) + b"DICM" + b"\1" * 10**8
    write_objects(tmp_path, {"t.zip": zipped({"1.dcm": bomb}, method)})
    del bomb
    tracemalloc.start()
    index_of(tmp_path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 9 * 10**7
