"""Nothing that identifies a patient leaves the index, and no date of a scan does."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pydicom import Dataset

from cluster.stores.opening import open_store
from jobs.archive.demographics import read_demographics
from jobs.segment_run.driver.committer import Committer
from jobs.segment_run.driver.rows import Method
from jobs.segment_run.load import _note
from jobs.segment_run.outcome import Outcome
from segment_actor.errors import SetupError
from segment_actor.grid.geometry import to_canonical
from segment_actor.reading.dicom.image import DATES
from segment_actor.reading.series import read_series
from stats.measure import StructureRow
from stats.tables.commit import CohortTables, Stamp
from tests.support.ct_files import SERIES_UID, dicom_files, dicom_slices, made_hu
from tests.support.indexing import index_of, read_one
from tests.support.planted import PLANTED, found_in
from tests.support.tiny_cohort import write_objects

SCANNED = date(2019, 11, 23)
SAID = {
    "PatientID": "secret-id",
    "PatientName": "Secret^Name",
    "PatientBirthDate": "19470321",
    "StudyInstanceUID": "1.2.826.0.1.3680043.10.1234.2",
    "AccessionNumber": "secret-accession",
    "ConvolutionKernel": "B30f",
    **dict.fromkeys(DATES, f"{SCANNED:%Y%m%d}"),
}
SECRETS = (
    *SAID.values(), SERIES_UID, "Secret", f"{SCANNED:%Y-%m-%d}", str(SCANNED.toordinal()),
)  # fmt: skip


def _planted() -> list[Dataset]:
    slices = dicom_slices(made_hu((8, 8, 8)))
    for slice_ in slices:
        del slice_.PatientAge  # so that it comes from the dates
        for keyword, value in SAID.items():
            setattr(slice_, keyword, value)
    return slices


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Those of a run."""
    files = {f"s/{k}.dcm": file for k, file in enumerate(dicom_files(_planted()))}
    store = open_store(str(write_objects(tmp_path / "archive", files)))
    tables = tmp_path / "tables"
    index = index_of(store)
    series = index.series()
    scan = read_one(store, index, series[0])
    note = _note(scan, to_canonical(scan.volume))
    stamp, method = Stamp("run", "2026-01-31", "v1"), Method("tiny", "paper104", "order 3", 1.5)
    committer = Committer(CohortTables(str(tables)), stamp, method, series, every=(1, 60.0))
    committer.add(Outcome(series[0].series_key, note, (StructureRow("liver", 0),)))
    committer.commit()
    return tables


def test_a_row_has_the_age_the_study_and_the_day_and_none_of_what_they_came_from(
    tables: Path,
) -> None:
    row = pq.read_table(next((tables / "scans").rglob("*.parquet"))).to_pylist()[0]
    assert (row["age_years"], row["kernel"]) == (72.0, None)  # its maker is none that is known
    assert len(row["study_key"]) == 32
    assert row["scan_day"] > 0


def test_no_table_holds_what_was_planted(tables: Path) -> None:
    stored = [*tables.rglob("*.parquet")]
    said = " ".join(str(pq.read_table(file, partitioning=None).to_pylist()) for file in stored)
    said += "".join(log.read_text() for log in tables.rglob("*.json"))
    assert len(stored) >= 2
    for secret in SECRETS:
        assert secret not in said


def test_what_travels_with_a_ct_names_nobody() -> None:
    scan = read_series("dicom", dicom_files(_planted()))
    facts = asdict(_note(scan, to_canonical(scan.volume)).facts)
    assert not any(secret in str(facts) for secret in SECRETS)


def test_what_ray_logs_of_a_ct_tells_its_key_and_nothing_of_its_patient() -> None:
    scan = read_series("dicom", dicom_files(_planted()))
    read = Outcome("key", _note(scan, to_canonical(scan.volume)), (StructureRow("liver", 0),))
    assert repr(read) == repr(Outcome("key"))


DOE, ID, BORN = PLANTED["family name"], PLANTED["patient id"], PLANTED["birth date"]
WRONG_TABLES = {
    "a date for an age": f"path,age_years,sex\n{DOE},{BORN},F\n",
    "a date as people write it for an age": f"path,age_years,sex\n{DOE},21.03.1947,F\n",
    "a name for an age": f"path,age_years,sex\n{DOE},{DOE},F\n",
    "a name for a sex": f"path,age_years,sex\n{DOE},73,{DOE}\n",
    "a name for a date": f"path,age_years,sex,scan_date\n{DOE},73,F,{DOE}\n",
    "no first line": f"{DOE},{BORN},{ID}\n",
    "no first line but one": f"{DOE}\n{DOE},{BORN},{ID}\n",
    "a cell too many": f"path,age_years,sex\n{DOE},73,F,{DOE},1,2,3\n",
    "a path twice": f"path,age_years,sex\n{DOE},73,F\n{DOE},74,F\n",
    "other letters": f"path,age_years,sex\n{DOE}\xe9,73,F\n",
    "a column twice": f"path,age_years,sex,{DOE},{DOE}\n{DOE},73,F,,\n",
    "no table": f"{DOE}\0{ID}",
}


@pytest.mark.parametrize("table", WRONG_TABLES.values(), ids=WRONG_TABLES)
def test_a_wrong_table_of_people_is_refused_by_line_and_column_alone(table: str) -> None:
    with pytest.raises(SetupError) as refused:
        read_demographics(table.encode("latin-1"), "people.csv")
    assert found_in(str(refused.value).encode()) == set()
    assert "people.csv" in str(refused.value)
