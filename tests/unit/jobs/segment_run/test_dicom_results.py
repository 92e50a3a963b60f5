"""Results in DICOM of a cohort run: to where, of whom, and what costs a CT its measurements."""

from __future__ import annotations

import copy
import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from jobs.archive.grouping.series import File
from jobs.segment_run.lane.dicom import DicomSettings, store_results
from jobs.segment_run.outcome import Outcome, ScanNote
from segment_actor.anatomy import load_schema
from segment_actor.errors import FailureCode, SeriesError, SetupError
from segment_actor.reading.scan import ScanFacts
from segment_actor.writing.dicom.uids import derived_uid
from stats.measure import StructureRow
from tests.support.ct_files import dicom, made_hu, nifti
from tests.support.dicom_series import labelled_series
from tests.support.odd_pacs import OddPacs, running_odd_pacs

SCHEMA = load_schema("paper104")
SERIES = labelled_series(np.random.default_rng(0).integers(0, 4, (5, 6, 7), np.uint8))
ROWS = [StructureRow("spleen", 3, 1.5, 40.0, 10.0, hu_median=41.0, status="ok", qc="pass")]
FILES = [File(f"{n}.dcm") for n in range(5)]
NOTE = ScanNote(ScanFacts(), "LPS", (7, 6, 5), (2, 3, 4), 0.024, SERIES.grid)
CT = Outcome("series key", NOTE, patient_key="patient key")


@pytest.fixture
def settings(tmp_path: Path) -> DicomSettings:
    archive, sink = tmp_path / "archive", tmp_path / "sink"
    archive.mkdir()
    for file, header in zip(FILES, SERIES.headers, strict=True):
        (archive / file.path).write_bytes(dicom(header))
    return DicomSettings(str(archive), str(sink), ("seg", "sr"), "labelmap", "patient", "v", "0")


def stored_in(settings: DicomSettings) -> dict[str, pydicom.Dataset]:
    """What lies in the folder, by the names of the files."""
    folder = Path(settings.sink)
    files = folder.iterdir() if folder.exists() else ()
    return {file.name: pydicom.dcmread(file) for file in files}


def hidden(uid: str) -> str:
    return derived_uid("hidden", uid)


def store(settings: DicomSettings, ct: Outcome = CT) -> str | None:
    layers = [SERIES.layer(range(1, 105))]
    return store_results(ct, layers, ROWS, SCHEMA, settings, FILES, hidden)


def test_a_second_run_replaces_the_results_of_the_first(settings: DicomSettings) -> None:
    assert store(settings) is None
    first = stored_in(settings)
    assert sorted(one.Modality for one in first.values()) == ["SEG", "SR"]
    assert {one.PatientID for one in first.values()} == {"secret-id"}
    assert store(settings) is None
    assert stored_in(settings).keys() == first.keys()


def test_another_method_replaces_nothing(settings: DicomSettings) -> None:
    store(settings)
    store(replace(settings, pipeline_version="w"))
    assert len(stored_in(settings)) == 4


def test_a_result_that_names_nobody_is_not_found_by_the_one_that_names_the_patient(
    settings: DicomSettings,
) -> None:
    """Nor by the keys of the tables: who has both must not be able to put them together."""
    store(settings)
    named = stored_in(settings)
    store(replace(settings, identity="removed"))
    removed = {name: one for name, one in stored_in(settings).items() if name not in named}
    assert len(removed) == len(named)
    uids = [set(re.findall(r"2\.25\.\d+", str(list(each.values())))) for each in (named, removed)]
    assert uids[0] & uids[1] == {derived_uid("device", settings.software)}


def test_without_identity_they_name_keys(settings: DicomSettings) -> None:
    assert store(replace(settings, identity="removed")) is None
    stored = stored_in(settings)
    assert len(stored) == 2
    for one in stored.values():
        assert (one.PatientID, one.PatientIdentityRemoved) == ("patient key", "YES")
        assert hidden(SERIES.headers[0].StudyInstanceUID) == one.StudyInstanceUID


def test_a_nifti_file_has_none_and_nothing_is_wrong(settings: DicomSettings) -> None:
    for file in FILES:
        content = gzip.compress(nifti(made_hu()))
        Path(settings.archive, file.path).write_bytes(content)
    assert store(settings) is None
    assert stored_in(settings) == {}


def test_a_ct_to_which_no_result_can_refer_is_measured_all_the_same(
    settings: DicomSettings,
) -> None:
    for file, header in zip(FILES, SERIES.headers, strict=True):
        blank = copy.deepcopy(header)
        blank.StudyInstanceUID = ""
        Path(settings.archive, file.path).write_bytes(dicom(blank))
    assert "blank study, series or image number" in str(store(settings))
    assert stored_in(settings) == {}


@pytest.fixture
def pacs() -> Iterator[OddPacs]:
    """One that answers and keeps nothing."""
    with running_odd_pacs() as running:
        yield running


def test_a_result_that_the_pacs_does_not_keep_is_a_failure_that_is_taken_up_again(
    settings: DicomSettings, pacs: OddPacs
) -> None:
    with pytest.raises(SeriesError) as caught:
        store(replace(settings, sink=pacs.uri))
    assert caught.value.code is FailureCode.INCOMPLETE_ANSWER


def test_an_image_that_is_gone_is_a_failure(settings: DicomSettings) -> None:
    Path(settings.archive, FILES[2].path).unlink()
    with pytest.raises(SeriesError) as caught:
        store(settings)
    assert caught.value.code is FailureCode.VANISHED


def test_a_sink_that_is_gone_stops_the_run(settings: DicomSettings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="Cannot make the folder"):
        store(replace(settings, sink=str(tmp_path / "file" / "results")))
