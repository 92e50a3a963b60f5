"""What a series is called, and of whom and when it is."""

from __future__ import annotations

import logging
import os
from datetime import date
from pathlib import Path

import pytest

from cluster.stores.opening import open_store
from jobs.archive.demographics import read_demographics
from tests.support.ct_files import SERIES_UID
from tests.support.indexing import KEYS, by_path, dated, files_of, index_of
from tests.support.tiny_cohort import good_cts, good_dicom, good_zip, write_objects

STUDY_UID = SERIES_UID[:-1] + "2"
UID_OF_1 = SERIES_UID.replace(".1234.", ".1001.")


def test_a_series_has_the_key_of_its_uid_and_a_nifti_of_its_path(tmp_path: Path) -> None:
    write_objects(tmp_path, good_cts([3]) | good_dicom("series", 1) | good_zip("export", 2))
    found = by_path(index_of(tmp_path))
    assert found["ct003.nii.gz"].series_key == KEYS.series_key("ct003.nii.gz")
    assert found["ct003.nii.gz"].patient_key is None
    assert found["series"].series_key == KEYS.series_key(UID_OF_1)
    assert found["series"].patient_key == KEYS.patient_key("secret-id")
    assert found["export.zip"].series_key == KEYS.series_key(UID_OF_1.replace("1001", "1002"))


def test_files_that_are_no_dicom_keep_their_folder_as_identity(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_objects(tmp_path, {"s/1.dcm": b"no dicom", "t.zip": b"no zip"})
    found = {s.path: s.series_key for s in index_of(tmp_path).series()}
    assert found == {"s": KEYS.series_key("s"), "t.zip": KEYS.series_key("t.zip")}
    assert "1 DICOM series to measure name no patient." in caplog.messages


def test_ages_come_from_a_table_and_what_does_not_match_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = b"path,age_years,sex\nct001.nii.gz,63,F\nelsewhere.nii.gz,5,M\n"
    write_objects(tmp_path, good_cts([1, 2]))
    with caplog.at_level(logging.INFO, "jobs.archive"):
        found = by_path(index_of(tmp_path, people=read_demographics(table, "ages")))
    one, two = found["ct001.nii.gz"], found["ct002.nii.gz"]
    assert (one.age_years, one.sex, two.age_years, two.sex) == (63.0, "F", None, None)
    assert "1 lines of the demographics name no series." in caplog.messages
    assert "1 series have no line in the demographics." in caplog.messages


def test_a_line_for_a_folder_of_several_patients_is_nobodys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"s/1.dcm": dated("20200101", 1), "s/2.dcm": dated("20200101", 2, PatientID="another")}
    table = b"path,age_years,sex\ns,63,F\n"
    index = index_of(write_objects(tmp_path, files), people=read_demographics(table, "ages"))
    assert [s.age_years for s in index.series()] == [None, None]
    assert "1 lines of the demographics name a place of several patients" in caplog.text


def test_scans_of_a_patient_are_as_many_days_apart_as_their_dates(tmp_path: Path) -> None:
    files = {
        "a/1.dcm": dated("20191231", 1),
        "b/1.dcm": dated("20200301", 2, AcquisitionDate="20200229"),
        "c/1.dcm": dated("20200301", 3, PatientID="another", StudyInstanceUID="1.2.99"),
        "d/1.dcm": dated("20200301", 4, PatientID=""),
        "e/1.dcm": dated("", 5),
    }
    found = by_path(index_of(write_objects(tmp_path, files)))
    a, b, c, d, e = (found[name] for name in "abcde")
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
    objects = good_cts([1, 2]) | {"a/1.dcm": dated("19991231", 1)}
    people = read_demographics(table, "table")
    found = by_path(index_of(write_objects(tmp_path, objects), people=people))
    a, one, two = (found[name] for name in ("a", "ct001.nii.gz", "ct002.nii.gz"))
    assert {s.patient_key for s in (a, one, two)} == {KEYS.patient_key("P1")}
    first_day = KEYS.scan_day(date(2020, 1, 31), "P1")
    assert first_day is not None
    assert [s.scan_day for s in (one, two, a)] == [first_day, first_day + 7, first_day + 8]
    assert [s.study_key for s in (one, two)] == [KEYS.study_key("S1"), KEYS.study_key("S2")]
    assert a.study_key == KEYS.study_key(STUDY_UID)


def test_a_patient_of_whom_a_table_tells_the_id_alone_keeps_the_issuer_of_the_header(
    tmp_path: Path,
) -> None:
    table = b"path,age_years,sex,patient\na,63,F,secret-id \n"
    objects = {
        f"{name}/1.dcm": dated("20200101", number, IssuerOfPatientID="North")
        for number, name in enumerate("ab", 1)
    }
    people = read_demographics(table, "table")
    found = by_path(index_of(write_objects(tmp_path, objects), people=people))
    assert found["a"].patient_key == found["b"].patient_key
    assert found["a"].patient_key == KEYS.patient_key("secret-id", "North")
    assert found["a"].scan_day == found["b"].scan_day


def test_a_bad_name_costs_no_other_series_its_place(tmp_path: Path) -> None:
    write_objects(tmp_path, good_cts([1]))
    (tmp_path / os.fsdecode(b"M\xfcller.nii.gz")).write_bytes(b"CT")
    index = index_of(tmp_path)
    assert [s.path for s in index.series()] == [r"M\xfcller.nii.gz", "ct001.nii.gz"]
    assert open_store(str(tmp_path)).get(files_of(index)[0][0].path) == b"CT"
