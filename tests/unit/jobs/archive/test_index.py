"""Which series an archive has, what their keys are, and where each file went."""

from __future__ import annotations

import logging
import os
import shutil
import tracemalloc
import zipfile
from datetime import date
from pathlib import Path

import pytest

from cluster.stores.contract import Changes, StoredObject
from cluster.stores.files import FolderArchive
from cluster.stores.opening import open_store
from jobs.archive.demographics import read_demographics
from jobs.archive.grouping.series import ALL, ONE_PER_ACQUISITION, Series, wanted
from jobs.archive.index import Index
from jobs.archive.looking import headers
from segment_actor.errors import FailureCode, SeriesError, SetupError
from tests.support.ct_files import SERIES_UID, dicom, dicom_slices, made_hu, zipped
from tests.support.hospital.files import laid
from tests.support.hospital.images import Visit, ct, scout
from tests.support.indexing import KEYS, files_of, index_of, read_one
from tests.support.tiny_cohort import good_cts, good_dicom, good_zip, write_objects

STUDY_UID = SERIES_UID[:-1] + "2"
UID_OF_1 = SERIES_UID.replace(".1234.", ".1001.")


def by_path(index: Index) -> dict[str, Series]:
    return {s.path: s for s in index.series()}


@pytest.mark.parametrize(
    ("names", "series"),
    [
        (["b/c.NII.GZ", "a.nii"], ["a.nii", "b/c.NII.GZ"]),
        (["s/1.dcm", "t/1.IMA"], ["s", "t"]),
        (["s/1.dcm", "s/2.dcm.part", "t/3.tmp"], ["s"]),
        (["s/IM1", "s/1.2.840.7", "s/DICOMDIR"], ["s"]),
        (["1.dcm"], ["."]),
        (["viewer/run.exe", "viewer/DATA", "s/1.dcm"], ["s"]),
    ],
)
def test_files_without_a_header_are_a_series_if_their_name_is_one_of_an_image(
    tmp_path: Path, names: list[str], series: list[str]
) -> None:
    write_objects(tmp_path, dict.fromkeys(names, b"a few words"))
    assert sorted(by_path(index_of(tmp_path))) == series


@pytest.mark.parametrize(
    ("name", "whole"),
    [("README", True), ("LICENSE", True), ("0099.dcm", False), ("99.part", False)],
)
def test_a_read_me_beside_the_images_is_no_lost_image_and_a_broken_copy_is_one(
    tmp_path: Path, name: str, whole: bool
) -> None:
    write_objects(tmp_path, {**good_dicom("s", 1), f"s/{name}": b"a few words"})
    index = index_of(tmp_path)
    (series,) = index.series()
    if whole:
        assert read_one(open_store(str(tmp_path)), index, series).volume.shape == (16, 16, 12)
        return
    with pytest.raises(SeriesError) as caught:
        read_one(open_store(str(tmp_path)), index, series)
    assert caught.value.code is FailureCode.UNREADABLE_FILE


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


def test_a_series_that_is_there_twice_is_one_series_and_is_read_once(tmp_path: Path) -> None:
    write_objects(tmp_path, good_dicom("a", 1) | good_dicom("b", 1))
    index = index_of(tmp_path)
    (series,) = index.series()
    assert (series.images, series.path) == (24, ".")  # the reader compares the copies
    assert read_one(open_store(str(tmp_path)), index, series).volume.shape == (16, 16, 12)


def test_a_series_has_another_input_version_when_one_file_changes(tmp_path: Path) -> None:
    write_objects(tmp_path, good_dicom("s", 1))
    before = index_of(tmp_path).series()[0]
    (tmp_path / "s" / "0003.dcm").write_bytes(b"other")
    after = index_of(tmp_path).series()[0]
    assert (after.series_key, after.kind) == (before.series_key, before.kind)
    assert after.input_version != before.input_version


class CountingArchive(FolderArchive):
    """A folder that counts whose beginning is asked for."""

    asked: list[str]

    def start(self, path: str, n_bytes: int) -> bytes:
        self.asked.append(path)
        return super().start(path, n_bytes)


def test_a_second_index_looks_into_what_is_new_and_forgets_what_is_gone(tmp_path: Path) -> None:
    root, kept = tmp_path / "archive", tmp_path / "index"
    write_objects(root, good_dicom("a", 1) | good_dicom("b", 2))
    archive = CountingArchive(str(root))
    object.__setattr__(archive, "asked", [])
    first = index_of(archive, kept)
    assert len(archive.asked) == 24
    archive.asked.clear()
    assert index_of(archive, kept).series() == first.series()
    assert archive.asked == []
    shutil.rmtree(root / "a")
    write_objects(root, good_dicom("c", 3))
    assert sorted(by_path(index_of(archive, kept))) == ["b", "c"]
    assert sorted(archive.asked) == sorted(good_dicom("c", 3))


def test_a_run_goes_on_with_its_generation_while_the_archive_is_indexed_again(
    tmp_path: Path,
) -> None:
    root, kept = tmp_path / "archive", tmp_path / "index"
    write_objects(root, good_dicom("a", 1))
    first = index_of(root, kept)
    write_objects(root, good_dicom("0", 2))
    second = index_of(root, kept)
    assert [s.path for s in first.series()] == ["a"]
    assert len(second.series()) == 2


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


def test_what_pydicom_says_of_a_value_is_not_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = dated("20200131", 1).replace(b"secret-id ", b"secret-\x1b(")
    index_of(write_objects(tmp_path, {"a/1.dcm": bad}))
    assert "secret" not in caplog.text  # and a warning would fail the test


def test_the_log_says_what_is_not_measured_and_of_how_many_studies(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    visits = [Visit(study=name) for name in ("measured", "scout alone")]
    images = ct(visits[0], "CT").images + [one for visit in visits for one in scout(visit).images]
    write_objects(tmp_path, laid("flat", images) | {"broken.zip": b"PK\3\4"})
    with caplog.at_level(logging.INFO, "jobs.archive"):
        index_of(tmp_path)
    assert caplog.messages == [
        "15 objects listed, 15 of them new or changed",
        "files: 1 damaged, 14 image",
        "2 series to measure: 1 dicom, 1 zip without a readable image",
        "2 others, not measured: 2 localizer",
        "Nothing is measured of 1 of 2 studies.",
    ]


def test_an_archive_in_which_nothing_is_selected_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_objects(tmp_path, laid("s", scout(Visit()).images))
    index_of(tmp_path)
    assert "0 series to measure: nothing here is a CT to measure." in caplog.messages


def test_an_archive_without_cts_is_refused(tmp_path: Path) -> None:
    write_objects(tmp_path, {"notes.txt": b""})
    with pytest.raises(SetupError, match="No CT series under"):
        index_of(tmp_path)


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


def test_an_archive_of_which_nothing_is_measured_says_so_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scouts = dicom_slices(made_hu())
    for one in scouts:
        one.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write_objects(tmp_path, {f"s/{k}.dcm": dicom(one) for k, one in enumerate(scouts)})
    index_of(tmp_path)
    assert [r.levelname for r in caplog.records if "No series is measured" in r.message] == [
        "WARNING"
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_any_method_is_known_by_its_uid(tmp_path: Path, method: int) -> None:
    write_objects(tmp_path / "zip", {"t.zip": zipped(good_dicom("s", 1), method)})
    write_objects(tmp_path / "plain", good_dicom("s", 1))
    keys = [index_of(tmp_path / p).series()[0].series_key for p in ("zip", "plain")]
    assert keys[0] == keys[1] != KEYS.series_key("t.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_of_a_zip_bomb_only_the_beginning_is_unpacked(tmp_path: Path, method: int) -> None:
    bomb = bytes(128) + b"DICM" + bytes(10**8)
    write_objects(tmp_path, {"t.zip": zipped({"1.dcm": bomb}, method)})
    del bomb
    tracemalloc.start()
    index_of(tmp_path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 9 * 10**7


class FleetingArchive(FolderArchive):
    """A folder that is gone when the first header is asked for."""

    def start(self, path: str, n_bytes: int) -> bytes:
        shutil.rmtree(self.uri, ignore_errors=True)
        return super().start(path, n_bytes)


def test_an_archive_lost_between_listing_and_headers_gives_no_keys_of_paths(tmp_path: Path) -> None:
    root = write_objects(tmp_path / "archive", good_dicom("s", 1))
    with pytest.raises(SetupError, match="does not exist"):
        index_of(FleetingArchive(str(root)))


class WindowArchive(FolderArchive):
    """A folder that tells only what is new: the series that is called as the night."""

    def changes(self, token: str | None) -> Changes:
        night = {None: "a", "a": "b"}[token]
        objects = (one for one in self.list() if one.path.startswith(night))
        return Changes(objects, night, whole=False)


def test_what_an_archive_of_changes_does_not_name_is_still_there(tmp_path: Path) -> None:
    write_objects(tmp_path / "archive", good_dicom("a", 1) | good_dicom("b", 2))
    archive = WindowArchive(str(tmp_path / "archive"))
    assert sorted(by_path(index_of(archive, tmp_path / "index"))) == ["a"]
    assert sorted(by_path(index_of(archive, tmp_path / "index"))) == ["a", "b"]


def test_all_series_are_those_that_show_a_body() -> None:
    one = Series(0, "k", "dicom", 1, "v", "a")
    reasons = (None, "other_reconstruction", "not_axial", "not_ct", "localizer", "screenshot")
    series = [Series(n, f"{n}", "dicom", 1, "v", "a", why_not=why) for n, why in enumerate(reasons)]
    assert one.selected
    assert [s.number for s in wanted(series, ONE_PER_ACQUISITION)] == [0]
    assert [s.number for s in wanted(series, ALL)] == [0, 1, 2]


def test_an_object_that_is_refused_is_one_series_and_costs_no_other(tmp_path: Path) -> None:
    class Refusing(FolderArchive):
        def start(self, path: str, n_bytes: int) -> bytes:
            if path.startswith("b/0003"):
                raise SeriesError(FailureCode.UNREADABLE_FILE, "Refused.")
            return super().start(path, n_bytes)

    write_objects(tmp_path, good_dicom("a", 1) | good_dicom("b", 2))
    index = index_of(Refusing(str(tmp_path)))
    assert {s.path: s.images for s in index.series()} == {"a": 12, "b": 12}
    assert isinstance(next(iter(FolderArchive(str(tmp_path)).list())), StoredObject)


def test_a_ct_that_is_cut_off_within_its_header_is_a_damaged_file(tmp_path: Path) -> None:
    whole = dated("20200131", 1)
    at = whole.index(b"\x28\x00\x10\x00")  # Rows
    write_objects(tmp_path, {"s/1.dcm": whole[:at]})
    (series,) = index_of(tmp_path).series()
    assert (series.why_not, series.series_key) == (None, KEYS.series_key("s"))


def test_a_short_series_beside_a_damaged_file_is_refused_and_not_left_out(tmp_path: Path) -> None:
    files = dict(list(good_dicom("s", 1).items())[:6])
    alone = index_of(write_objects(tmp_path / "alone", files)).series()
    beside = index_of(write_objects(tmp_path / "beside", {**files, "s/0006.dcm": b""}))
    assert [s.why_not for s in alone] == ["too_few"]
    assert [s.why_not for s in beside.series()] == [None]
