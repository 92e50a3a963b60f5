"""Which objects are a series, what its key is, and what is left out."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tracemalloc
import zipfile
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pytest

from cluster.stores.contract import StoredObject
from cluster.stores.files import FolderArchive
from cluster.stores.opening import open_store
from jobs.archive.keys import KeyMaker
from jobs.archive.listing import group_objects, index_archive
from jobs.archive.manifest import read_manifest, write_manifest
from segment_actor.errors import SeriesError, SetupError
from segment_actor.reading.series import read_series
from tests.support.ct_files import SERIES_UID, dicom, dicom_slices, made_hu, zipped
from tests.support.tiny_cohort import good_cts, good_dicom, good_zip, write_objects

KEYS = KeyMaker(b"0123456789abcdef")
STUDY_UID = SERIES_UID[:-1] + "2"
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


def test_files_that_are_no_dicom_keep_their_folder_as_identity(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_objects(tmp_path, {"s/1.dcm": b"no dicom", "t.zip": b"no zip"})
    found = {s.path: s.series_key for s in index_archive(open_store(str(tmp_path)), KEYS)}
    assert found == {"s": KEYS.series_key("s"), "t.zip": KEYS.series_key("t.zip")}
    assert "2 DICOM series whose first file names no patient." in caplog.messages


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


def dated(day: str, number: int, **elements: str) -> bytes:
    """A slice of a series of its own, of one patient."""
    slice_ = dicom_slices(made_hu((4, 4, 1)))[0]
    slice_.SeriesInstanceUID, slice_.StudyDate = f"1.2.{number}", day
    for keyword, value in elements.items():
        setattr(slice_, keyword, value)
    return dicom(slice_)


def test_scans_of_a_patient_are_as_many_days_apart_as_their_dates(tmp_path: Path) -> None:
    files = {
        "a/1.dcm": dated("20191231", 1),
        "b/1.dcm": dated("20200301", 2, AcquisitionDate="20200229"),
        "c/1.dcm": dated("20200301", 3, PatientID="another", StudyInstanceUID="1.2.99"),
        "d/1.dcm": dated("20200301", 4, PatientID=""),
        "e/1.dcm": dated("", 5),
    }
    a, b, c, d, e = index_archive(open_store(str(write_objects(tmp_path, files))), KEYS)
    assert a.scan_day == KEYS.scan_day(date(2019, 12, 31), "secret-id")
    assert a.scan_day is not None
    assert b.scan_day == a.scan_day + 60
    assert (c.scan_day, d.scan_day, e.scan_day) == (
        KEYS.scan_day(date(2020, 3, 1), "another"), None, None,
    )  # fmt: skip
    assert a.study_key == b.study_key == KEYS.study_key(STUDY_UID)
    assert c.study_key == KEYS.study_key("1.2.99")


def test_a_table_tells_who_and_when_and_goes_before_the_header(tmp_path: Path) -> None:
    table = (
        b"path,age_years,sex,patient,study,scan_date\n"
        b"ct001.nii.gz,,,P1,S1,2020-01-31\nct002.nii.gz,,,P1,S2,20200207\na,,,P1,,2020-02-08\n"
    )
    objects = good_cts([1, 2]) | {"demographics.csv": table, "a/1.dcm": dated("19991231", 1)}
    a, one, two = index_archive(open_store(str(write_objects(tmp_path, objects))), KEYS)
    assert {s.patient_key for s in (a, one, two)} == {KEYS.patient_key("P1")}
    first_day = KEYS.scan_day(date(2020, 1, 31), "P1")
    assert first_day is not None
    assert [s.scan_day for s in (one, two, a)] == [first_day, first_day + 7, first_day + 8]
    assert [s.study_key for s in (one, two)] == [KEYS.study_key("S1"), KEYS.study_key("S2")]
    assert a.study_key == KEYS.study_key(STUDY_UID)


def test_a_bad_name_costs_no_other_series_its_place(tmp_path: Path) -> None:
    write_objects(tmp_path, good_cts([1]))
    (tmp_path / os.fsdecode(b"M\xfcller.nii.gz")).write_bytes(b"CT")
    found = index_archive(open_store(str(tmp_path)), KEYS)
    write_manifest(found, str(tmp_path / "manifest"))
    assert read_manifest(str(tmp_path / "manifest")) == found
    assert [s.path for s in found] == [r"M\xfcller.nii.gz", "ct001.nii.gz"]
    assert open_store(str(tmp_path)).get(found[0].files[0]) == b"CT"


def test_what_pydicom_says_of_a_value_is_not_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = dated("20200131", 1).replace(b"secret-id ", b"secret-\x1b(")
    index_archive(open_store(str(write_objects(tmp_path, {"a/1.dcm": bad}))), KEYS)
    assert "secret" not in caplog.text  # and a warning would fail the test


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


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_any_method_is_known_by_its_uid(tmp_path: Path, method: int) -> None:
    write_objects(tmp_path, {"t.zip": zipped(good_dicom("s", 1), method)})
    write_objects(tmp_path / "plain", good_dicom("s", 1))
    keys = [
        index_archive(open_store(str(tmp_path / p)), KEYS)[-1].series_key for p in ("", "plain")
    ]
    assert keys[0] == keys[1] != KEYS.series_key("t.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_of_a_zip_bomb_only_the_beginning_is_unpacked(tmp_path: Path, method: int) -> None:
    bomb = bytes(128) + b"DICM" + bytes(10**8)
    write_objects(tmp_path, {"t.zip": zipped({"1.dcm": bomb}, method)})
    del bomb
    tracemalloc.start()
    index_archive(open_store(str(tmp_path)), KEYS)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 9 * 10**7


class FleetingArchive(FolderArchive):
    """A folder that is gone when the first header is asked for."""

    def open(self, path: str) -> BinaryIO:
        shutil.rmtree(self.uri, ignore_errors=True)
        return super().open(path)


def test_an_archive_lost_between_listing_and_headers_gives_no_keys_of_paths(tmp_path: Path) -> None:
    root = write_objects(tmp_path / "archive", good_dicom("s", 1))
    with pytest.raises(SetupError, match="does not exist"):
        index_archive(FleetingArchive(str(root)), KEYS)
