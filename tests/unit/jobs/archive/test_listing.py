"""Which objects are a series, what its key is, and what is left out."""

from __future__ import annotations

import contextlib
import logging
import shutil
import zipfile
from pathlib import Path
from typing import BinaryIO

import pytest

from cluster.stores.contract import StoredObject
from cluster.stores.files import FolderArchive
from cluster.stores.opening import open_store
from jobs.archive.keys import KeyMaker
from jobs.archive.listing import group_objects, index_archive
from segment_actor.errors import SeriesError, SetupError
from segment_actor.reading.series import read_series
from tests.support.ct_files import SERIES_UID
from tests.support.tiny_cohort import good_cts, good_dicom, good_zip, write_objects

KEYS = KeyMaker(b"0123456789abcdef")
UID_OF_1 = SERIES_UID.replace(".1234.", ".1001.")


@pytest.mark.parametrize(
    ("paths", "series"),
    [
        (["a.nii", "b/c.NII.GZ"], [("nifti", "a.nii"), ("nifti", "b/c.NII.GZ")]),
        (["x.zip"], [("zip", "x.zip")]),
        (["s/1.dcm", "s/2.dcm", "t/1.IMA"], [("dicom", "s"), ("dicom", "t")]),
        (["s/IM1", "s/1.2.840.7", "s/DICOMDIR"], [("dicom", "s")]),
        (["1.dcm"], [("dicom", ".")]),
        (["s/1.dcm", "s/2.dcm.part", "t/3.tmp"], [("dicom", "s")]),
        (["s/1.dcm", "s/ct.nii.gz"], [("dicom", "s"), ("nifti", "s/ct.nii.gz")]),
        (["ages.csv", "a.json", "b.txt", "c.tsv", "d.parquet", ".git/HEAD", "s/._1.dcm"], []),
    ],
)
def test_objects_become_series_by_their_names(
    paths: list[str], series: list[tuple[str, str]]
) -> None:
    found = group_objects([StoredObject(path, 1, "v") for path in paths])
    assert [(s.kind, s.path) for s in found] == series


@pytest.mark.parametrize(
    ("name", "whole"),
    [("README", True), ("LICENSE", True), ("0099.dcm", False), ("99.part", False)],
)
def test_a_read_me_beside_the_images_is_no_lost_image_and_a_broken_copy_is_one(
    name: str, whole: bool
) -> None:
    contents = {**good_dicom("s", 1), f"s/{name}": b"a few words"}
    (found,) = group_objects([StoredObject(path, 1, "v") for path in sorted(contents)])
    paths = [each.path for each in found.objects]
    with contextlib.nullcontext() if whole else pytest.raises(SeriesError, match="should be an im"):
        read_series("dicom", [contents[path] for path in paths], paths)


def test_a_series_has_the_key_of_its_uid_and_a_nifti_of_its_path(tmp_path: Path) -> None:
    write_objects(tmp_path, good_cts([3]) | good_dicom("series", 1) | good_zip("export", 2))
    found = {s.path: s for s in index_archive(open_store(str(tmp_path)), KEYS)}
    assert found["ct003.nii.gz"].series_key == KEYS.series_key("ct003.nii.gz")
    assert found["ct003.nii.gz"].patient_key is None
    assert found["series"].series_key == KEYS.series_key(UID_OF_1)
    assert found["series"].patient_key == KEYS.patient_key("secret-id")
    assert found["export.zip"].series_key == KEYS.series_key(UID_OF_1.replace("1001", "1002"))


def test_files_that_are_no_dicom_keep_their_folder_as_identity(tmp_path: Path) -> None:
    write_objects(tmp_path, {"s/1.dcm": b"no dicom", "t.zip": b"no zip"})
    found = {s.path: s.series_key for s in index_archive(open_store(str(tmp_path)), KEYS)}
    assert found == {"s": KEYS.series_key("s"), "t.zip": KEYS.series_key("t.zip")}


def test_a_series_that_is_there_twice_is_taken_once_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_objects(tmp_path, good_dicom("a", 1) | good_dicom("b", 1))
    with caplog.at_level(logging.INFO, "jobs.archive.listing"):
        found = index_archive(open_store(str(tmp_path)), KEYS)
    assert [s.path for s in found] == ["a"]
    assert "1 left out: the same series is there twice." in caplog.messages


def test_a_series_has_another_input_version_when_one_file_changes(tmp_path: Path) -> None:
    store = open_store(str(write_objects(tmp_path, good_dicom("s", 1))))
    before = index_archive(store, KEYS)[0]
    (tmp_path / "s" / "0003.dcm").write_bytes(b"other")
    after = index_archive(store, KEYS)[0]
    assert (after.series_key, after.kind) == (before.series_key, before.kind)
    assert after.input_version != before.input_version


def test_ages_come_from_the_archives_table_and_what_does_not_match_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = b"path,age_years,sex\nct001.nii.gz,63,F\nelsewhere.nii.gz,5,M\n"
    write_objects(tmp_path, good_cts([1, 2]) | {"demographics.csv": table})
    with caplog.at_level(logging.INFO, "jobs.archive.listing"):
        one, two = index_archive(open_store(str(tmp_path)), KEYS)
    assert (one.age_years, one.sex, two.age_years, two.sex) == (63.0, "F", None, None)
    assert "1 lines of the demographics name no series." in caplog.messages
    assert "1 series have no line in the demographics." in caplog.messages


def test_an_archive_without_cts_is_refused(tmp_path: Path) -> None:
    write_objects(tmp_path, {"notes.txt": b""})
    with pytest.raises(SetupError, match="No CT series under"):
        index_archive(open_store(str(tmp_path)), KEYS)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_with_a_damaged_member_keeps_its_path_as_identity(
    tmp_path: Path, method: int
) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w", method) as zipped:
        zipped.writestr("1.dcm", next(iter(good_dicom("s", 1).values())))
    with (tmp_path / "t.zip").open("r+b") as file:
        file.seek(48)  # behind the header of the member and what each method says of itself
        file.write(b"\xff" * 64)
    found = index_archive(open_store(str(tmp_path)), KEYS)
    assert [s.series_key for s in found] == [KEYS.series_key("t.zip")]


class FleetingArchive(FolderArchive):
    """A folder that is gone when the first header is asked for."""

    def open(self, path: str) -> BinaryIO:
        shutil.rmtree(self.uri, ignore_errors=True)
        return super().open(path)


def test_an_archive_lost_between_listing_and_headers_gives_no_keys_of_paths(tmp_path: Path) -> None:
    root = write_objects(tmp_path / "archive", good_dicom("s", 1))
    with pytest.raises(SetupError, match="does not exist"):
        index_archive(FleetingArchive(str(root)), KEYS)
