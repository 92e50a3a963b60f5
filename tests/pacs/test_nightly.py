"""Night after night on a real PACS: CTs out of it, SEG and SR back, killed on the way or not."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest

from segment_actor.anatomy import GROUPS
from stats.query import connect
from tests.support.nights import (
    PASSWORD,
    ROOT,
    TODAY,
    YESTERDAY,
    Night,
    ct,
    days_ago,
    equal_in_patient,
    listed,
    series_uid,
    sop_uids,
    stored,
    study_uid,
)
from tests.support.orthanc import Orthanc, running_orthanc
from tests.support.pacs_front import PacsFront, front_of
from tests.support.ray_cluster import running_cluster
from tests.support.running_job import SECRET, running_job
from tests.support.tiny_cohort import good_cts, write_objects, write_tiny_model_set

pytestmark = [pytest.mark.pacs, pytest.mark.ray]


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """A Ray whose nodes know the password of the PACS and the site's secret."""
    known = {
        "CTCOHORT_DICOMWEB_USER": "tester",
        "CTCOHORT_DICOMWEB_PASSWORD": PASSWORD,
        "CTCOHORT_SITE_SECRET": SECRET,
    }
    with running_cluster(known) as environment:
        yield environment | known


@pytest.fixture(scope="module")
def model_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model_set(tmp_path_factory.mktemp("models"), GROUPS[:1])


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path / "orthanc", PASSWORD) as running:
        yield running


@pytest.fixture
def pacs(orthanc: Orthanc) -> Iterator[PacsFront]:
    with front_of(orthanc) as front:
        yield front


@pytest.fixture
def night(tmp_path: Path, model_set: Path, cluster: dict[str, str]) -> Night:
    return Night(tmp_path, model_set, cluster)


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, model_set: Path, cluster: dict[str, str]
) -> Iterator[tuple[Night, Orthanc]]:
    """A run over four CTs to which nothing happened, with all results that there are."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with running_orthanc(folder / "orthanc", PASSWORD) as orthanc:
        for number in range(4):
            orthanc.put(ct(number))
        night = Night(folder, model_set, cluster)
        night.run(orthanc.uri, "tables", "--labels", str(folder / "labels"),
                  "--dicom-out", orthanc.uri)  # fmt: skip
        yield night, orthanc


def test_each_night_only_what_is_new_is_read(
    pacs: PacsFront, orthanc: Orthanc, night: Night
) -> None:
    for number in range(3):
        orthanc.put(ct(number, days_ago(3)))
    archive = f"{pacs.uri}?StudyDate={days_ago(90):%Y%m%d}-"
    night.run(archive, "tables", "--dicom-out", pacs.uri)
    assert len(night.rows("tables")["scans"]) == 3
    # of index, load and results; a search is two requests, of which the second finds no more
    once = Counter({"instances": 3 * 2, "metadata": 2, "images": 1})
    assert pacs.of_series() == {series_uid(number): once for number in range(3)}
    for number in range(3):
        assert [modality for modality, _ in listed(orthanc, number)] == ["CT", "SEG", "SR"]

    orthanc.put(ct(3, YESTERDAY))
    orthanc.put(ct(6, TODAY))  # may not be whole yet
    orthanc.put(ct(4, days_ago(20)))  # reaches the PACS late
    orthanc.put(ct(5, days_ago(60)))  # too late to be noticed, as the guide says
    pacs.asked.clear()
    said = night.run(archive, "tables", "--dicom-out", pacs.uri)
    assert "3 done before, 2 to do" in said
    assert pacs.of_series() == {series_uid(number): once for number in (3, 4)}
    assert len(night.rows("tables")["scans"]) == 5
    assert listed(orthanc, 5) == [("CT", series_uid(5))]


def test_a_driver_that_was_killed_is_started_again_and_nothing_differs_or_doubles(
    pacs: PacsFront, orthanc: Orthanc, night: Night, undisturbed: tuple[Night, Orthanc]
) -> None:
    for number in range(4):
        orthanc.put(ct(number))
    killed = threading.Event()
    images: set[str] = set()

    def hold_the_third(path: str) -> None:
        steps = path.strip("/").split("/")
        if len(steps) == 5 and steps[-1].startswith(ROOT):
            images.add(path)
            if len(images) > 2:
                killed.wait(240)

    pacs.before = hold_the_third
    with night.job(pacs.uri, "tables", "--dicom-out", pacs.uri) as job:
        job.wait_for_scans(1)
        job.process.kill()
    killed.set()
    assert 1 <= len(night.rows("tables")["scans"]) <= 3
    night.run(pacs.uri, "tables", "--dicom-out", pacs.uri)
    expected, other = undisturbed
    assert night.rows("tables") == expected.rows("tables")
    assert sop_uids(orthanc, range(4)) == sop_uids(other, range(4))


def test_a_pacs_that_dies_ends_the_run_in_a_sentence_and_the_next_run_goes_on(
    night: Night, undisturbed: tuple[Night, Orthanc], tmp_path: Path
) -> None:
    with running_orthanc(tmp_path / "orthanc", PASSWORD) as first, front_of(first) as pacs:
        for number in range(4):
            first.put(ct(number))
        images: set[str] = set()

        def end_before_the_third(path: str) -> None:
            steps = path.strip("/").split("/")
            if len(steps) == 5 and steps[-1].startswith(ROOT):
                images.add(path)
                if len(images) == 3:
                    os.kill(first.pid, signal.SIGKILL)

        pacs.before = end_before_the_third
        with night.job(pacs.uri, "tables", "--dicom-out", pacs.uri) as job:
            code, said = job.finish()
        assert code == 2, said
        assert "does not answer: there is no connection" in said
        assert "Traceback" not in said
        assert ROOT not in said
        with running_orthanc(tmp_path / "orthanc", PASSWORD) as second:
            pacs.behind = second
            night.run(pacs.uri, "tables", "--dicom-out", pacs.uri)
            expected, other = undisturbed
            assert night.rows("tables") == expected.rows("tables")
            assert sop_uids(second, range(4)) == sop_uids(other, range(4))


def test_results_that_are_sent_again_are_there_once(undisturbed: tuple[Night, Orthanc]) -> None:
    night, orthanc = undisturbed
    first = sop_uids(orthanc, range(4))
    night.run(orthanc.uri, "other tables", "--dicom-out", orthanc.uri)
    assert sop_uids(orthanc, range(4)) == first
    assert set(first.values()) == {1}
    assert night.rows("other tables") == night.rows("tables")


def test_the_seg_in_the_pacs_is_the_label_map_and_refers_to_the_ct(
    undisturbed: tuple[Night, Orthanc],
) -> None:
    night, orthanc = undisturbed
    maps = {}
    for file in (night.folder / "labels").iterdir():
        image = nib.Nifti1Image.from_filename(file)
        maps[file.name] = (np.asarray(image.dataobj), image.affine)
    found = []
    for number in range(4):
        (one,) = stored(orthanc, number, "SEG")
        (of_ct,) = one.ReferencedSeriesSequence
        assert of_ct.SeriesInstanceUID == series_uid(number)
        assert len(of_ct.ReferencedInstanceSequence) == 12
        volume = hd.seg.Segmentation.from_dataset(one).get_volume(combine_segments=True)
        same = [name for name, each in maps.items() if equal_in_patient(volume, *each)]
        found += same
    assert sorted(found) == sorted(maps)
    assert len(maps) == 4
    assert all(labels.any() for labels, _ in maps.values())


def test_the_sr_in_the_pacs_has_the_volumes_of_the_table(
    undisturbed: tuple[Night, Orthanc],
) -> None:
    night, orthanc = undisturbed
    with connect(str(night.folder / "tables")) as database:
        rows = database.sql(
            "SELECT structure, volume_ml FROM structures WHERE qc IS DISTINCT FROM 'fail'"
        )
        expected = Counter((name, ml) for name, ml in rows.fetchall() if ml is not None)
    reported: Counter[tuple[str, float]] = Counter()
    for number in range(4):
        (one,) = stored(orthanc, number, "SR")
        report: Any = hd.sr.Comprehensive3DSR.from_dataset(one).content
        for group in report.get_volumetric_roi_measurement_groups():
            for measured in group.get_measurements():
                if measured.name.meaning == "Volume":
                    value = measured[0].MeasuredValueSequence[0].FloatingPointValue
                    reported[group.tracking_identifier, value] += 1
    assert reported == expected
    assert reported


PLANTED = (
    b"secret-id", b"Secret", b"PLANTED", b"Planted", b"planted", b"19470321", b"080910.654321",
    ROOT.encode(), f"{days_ago(2):%Y%m%d}".encode(), f"{TODAY:%Y%m%d}".encode(),
)  # fmt: skip


def test_results_without_identity_hold_keys_alone_and_are_the_same_in_every_run(
    night: Night, tmp_path: Path
) -> None:
    """Beside a NIfTI file and a CT without a study, of which there can be none: it is said once."""
    files = ct(0, days_ago(2)) + ct(1, days_ago(2), study_uid(0)) + ct(2, days_ago(2), "")
    objects = {f"images/{n}": file for n, file in enumerate(files)} | good_cts([7], (16, 16, 12))
    archive = str(write_objects(tmp_path / "archive", objects))
    sinks = [tmp_path / name for name in ("first", "second")]
    for sink in sinks:
        said = night.run(archive, f"tables of {sink.name}", "--dicom-identity", "removed",
                         "--dicom-out", str(sink))  # fmt: skip
        assert said.count("are NIfTI files, of which there are no results in DICOM: 1") == 1
        assert said.count("1 CTs were measured and have no results in DICOM: The images have") == 1
    assert len(night.rows("tables of first")["scans"]) == 4
    assert night.rows("tables of first")["failures"] == []
    names = [{file.name for file in sink.iterdir()} for sink in sinks]
    assert names[0] == names[1]
    assert len(names[0]) == 4  # a SEG and an SR of each
    results = [pydicom.dcmread(file) for file in sinks[0].iterdir()]
    assert len({one.StudyInstanceUID for one in results}) == 1
    with connect(str(tmp_path / "tables of first")) as database:
        keys = database.sql("SELECT DISTINCT patient_key FROM scans").fetchall()
    assert {(one.PatientID,) for one in results} == {key for key in keys if key[0]}
    for one in results:
        assert one.PatientIdentityRemoved == "YES"
    for file in sinks[0].iterdir():
        content = file.read_bytes() + file.name.encode()
        assert [planted for planted in PLANTED if planted in content] == []


def test_a_secret_that_ray_does_not_have_is_said_and_none_is_made(
    night: Night, tmp_path: Path
) -> None:
    files = ct(0, days_ago(2))
    archive = write_objects(tmp_path / "archive", {f"{n}": one for n, one in enumerate(files)})
    other = {"CTCOHORT_SITE_SECRET": "another secret than that of Ray"}
    flags = ("--dicom-identity", "removed", "--dicom-out", str(tmp_path / "sink"))
    with running_job(
        str(archive), str(tmp_path / "tables"), night.model_set, "--index", str(tmp_path / "index"),
        *flags, env={**night.cluster, **other, "CTCOHORT_SITE_SECRET_FILE": str(tmp_path / "made")},
    ) as job:  # fmt: skip
        code, said = job.finish()
    assert code == 2
    assert "Ray on this machine has none or another one" in said
    assert "Traceback" not in said
    assert not (tmp_path / "made").exists()
    assert list((tmp_path / "sink").iterdir()) == []
