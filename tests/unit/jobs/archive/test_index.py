"""Which series an archive has, what their keys are, and where each file went."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from cluster.stores.contract import Changes, StoredObject
from cluster.stores.files import FolderArchive
from cluster.stores.opening import open_store
from jobs.archive.grouping.series import ALL, ONE_PER_ACQUISITION, Series, wanted
from segment_actor.errors import FailureCode, SeriesError, SetupError
from tests.support.ct_files import SERIES_UID, dicom, dicom_slices, made_hu
from tests.support.hospital.files import laid
from tests.support.hospital.images import Visit, ct, scout
from tests.support.indexing import KEYS, by_path, dated, index_of, read_one
from tests.support.tiny_cohort import good_dicom, write_objects

STUDY_UID = SERIES_UID[:-1] + "2"
UID_OF_1 = SERIES_UID.replace(".1234.", ".1001.")


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


def test_an_archive_without_cts_is_refused(tmp_path: Path) -> None:
    write_objects(tmp_path, {"notes.txt": b""})
    with pytest.raises(SetupError, match="No CT series under"):
        index_of(tmp_path)


def test_an_archive_of_which_nothing_is_measured_says_so_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scouts = dicom_slices(made_hu())
    for one in scouts:
        one.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write_objects(tmp_path, {f"s/{k}.dcm": dicom(one) for k, one in enumerate(scouts)})
    index_of(tmp_path)
    assert [r.levelname for r in caplog.records if "0 series to measure" in r.message] == [
        "WARNING"
    ]


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


def test_what_an_archive_of_changes_once_refused_is_asked_for_again(tmp_path: Path) -> None:
    class Refusing(WindowArchive):
        def start(self, path: str, n_bytes: int) -> bytes:
            if path.startswith("a/") and not (tmp_path / "well").exists():
                raise SeriesError(FailureCode.UNREADABLE_FILE, "Refused.")
            return super().start(path, n_bytes)

    write_objects(tmp_path / "archive", good_dicom("a", 1) | good_dicom("b", 2))
    archive = Refusing(str(tmp_path / "archive"))
    assert index_of(archive, tmp_path / "index").series()[0].patient_key is None
    (tmp_path / "well").touch()  # the next night names b alone
    known = by_path(index_of(archive, tmp_path / "index"))
    assert {path: one.images for path, one in known.items()} == {"a": 12, "b": 12}
    assert known["a"].patient_key == KEYS.patient_key("secret-id")
