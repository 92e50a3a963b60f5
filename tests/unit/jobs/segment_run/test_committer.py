"""Outcomes into real tables in a folder: when, how often, and what the run's row says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from deltalake import DeltaTable

from jobs.archive.grouping.series import Series
from jobs.segment_run.driver.committer import Committer
from jobs.segment_run.driver.rows import Method, scan_row
from jobs.segment_run.outcome import Failure, Outcome, ScanNote
from segment_actor.errors import FailureCode
from segment_actor.grid.of_file import nifti_grid
from segment_actor.reading.scan import ScanFacts
from segment_actor.volume import Volume
from stats.measure import StructureRow
from stats.query import connect
from stats.tables.commit import CohortTables, Stamp
from stats.tables.stages import Stage

FACTS = ScanFacts(age_years=50.0, sex="M", kernel="sharp", contrast_agent=True)
GRID = nifti_grid(Volume(np.zeros((10, 20, 30), np.int16), np.eye(4)), nib.Nifti1Header())
NOTE = ScanNote(FACTS, "LPS", GRID.shape, (1.0, 2.0, 3.0), 0.006, GRID)
LIVER = StructureRow("liver", voxel_count=5, volume_ml=0.03)


def series(key: str, age_years: float | None = None) -> Series:
    return Series(0, key, "nifti", 1, f"version of {key}", "a", age_years=age_years)


def measured(key: str) -> Outcome:
    return Outcome(key, NOTE, (LIVER, StructureRow("spleen", 0)), {Stage.SEGMENT: 2.5})


def failed(key: str) -> Outcome:
    return Outcome(key, failure=Failure(Stage.READ, FailureCode.NOT_3D, "Flat.", attempts=1))


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def committer(tmp_path: Path, clock: list[float]) -> Committer:
    stamp = Stamp("run", "2026-01-31", "v1")
    first = replace(series("a", age_years=51.0), study_key="s", scan_day=2**40)
    todo = [first, series("b"), series("c")]
    tables, method = CohortTables(str(tmp_path)), Method("tiny", "paper104", "order 3", 1.5)
    return Committer(tables, stamp, method, todo, every=(2, 60.0), clock=lambda: clock[0])


def commits(place: Path) -> int:
    return DeltaTable(str(place / "scans")).transaction_version("ctcohort") or 0


def test_a_commit_is_due_after_so_many_cts_or_seconds(
    committer: Committer, tmp_path: Path, clock: list[float]
) -> None:
    seen = []
    for second, outcome in [(1.0, measured("a")), (2.0, failed("b")), (3.0, measured("c"))]:
        clock[0] = second
        committer.add(outcome)
        committer.commit_if_due()
        seen.append(commits(tmp_path))
    clock[0] = 62.0
    committer.commit_if_due()
    assert [*seen, commits(tmp_path)] == [0, 1, 1, 2]


def test_nothing_is_committed_when_nothing_came(
    committer: Committer, tmp_path: Path, clock: list[float]
) -> None:
    clock[0] = 1000.0
    committer.commit_if_due()
    committer.commit()
    assert commits(tmp_path) == 0


def test_a_second_outcome_of_a_ct_changes_nothing(committer: Committer, tmp_path: Path) -> None:
    for _ in range(2):
        committer.add(measured("a"))
        committer.add(failed("a"))
        committer.commit()
    assert (committer.measured, committer.failed, committer.lost()) == (1, 0, 2)
    assert connect(str(tmp_path)).sql("SELECT count(*) FROM scans").fetchall() == [(1,)]


def test_reasons_for_which_there_is_no_dicom_are_counted_once_a_ct(committer: Committer) -> None:
    outcomes = [replace(measured(key), no_dicom="Blank.") for key in ("a", "b")]
    for outcome in [*outcomes, outcomes[0], measured("c")]:
        committer.add(outcome)
    committer.commit()
    assert committer.no_dicom == {"Blank.": 2}
    assert committer.measured == 3


def test_a_scan_has_its_geometry_its_times_and_the_age_of_the_demographics(
    committer: Committer, tmp_path: Path
) -> None:
    committer.add(measured("a"))
    committer.commit()
    row = connect(str(tmp_path)).sql(
        "SELECT age_years, sex, shape_k, spacing_k_mm, field_of_view_mm, orientation, "
        "contrast_agent, structures_measured, network_s, fetch_s, input_version, study_key, "
        "scan_day, kernel FROM scans"
    )
    header = (51.0, "M", 30, 3.0, 90.0, "LPS", "yes")
    expected = (*header, 1, 2.5, None, "version of a", "s", 2**40, "sharp")
    assert row.fetchall() == [expected]


def test_a_scan_has_its_contrast_phase_as_plain_text_and_a_plain_number() -> None:
    aorta = StructureRow("aorta", 9, volume_ml=90.0, hu_median=320.0, status="ok")
    portal = replace(aorta, structure="portal_vein_and_splenic_vein", hu_median=120.0)
    liver = replace(aorta, structure="liver", hu_median=75.0)
    row = scan_row(
        Outcome("a", NOTE, (aorta, portal, liver)),
        NOTE,
        series("a"),
        Method("m", "s", "order 3", 1.5),
    )
    assert (row["contrast_phase"], row["contrast_phase_method"]) == ("arterial", "measured")
    assert isinstance(row["contrast_phase_confidence"], float)
    assert 0.8 <= row["contrast_phase_confidence"] <= 1.0
    assert {type(row[f"contrast_phase{end}"]) for end in ("", "_method", "_confidence")} == {
        str, float,
    }  # fmt: skip


def test_a_phase_that_is_not_known_is_stored_as_unknown_and_not_as_null(
    committer: Committer, tmp_path: Path
) -> None:
    committer.add(measured("a"))
    committer.commit()
    row = connect(str(tmp_path)).sql(
        "SELECT contrast_phase, contrast_phase_method, contrast_phase_confidence FROM scans"
    )
    assert row.fetchall() == [("unknown", "measured", 0.0)]


def test_a_scan_with_a_wrong_structure_asks_for_a_look_and_names_it(
    committer: Committer, tmp_path: Path
) -> None:
    swapped = replace(LIVER, structure="vertebrae_L1", qc_reasons="neighbours_swapped; too_small")
    committer.add(Outcome("a", NOTE, (replace(LIVER, qc_reasons="too_small"), swapped)))
    committer.commit()
    with connect(str(tmp_path)) as database:
        found = database.sql("SELECT qc, qc_reasons FROM scans").fetchall()
    assert found == [("warn", "neighbours_swapped: vertebrae_L1; too_small: liver, vertebrae_L1")]


def test_a_failure_has_its_stage_code_sentence_and_tries(
    committer: Committer, tmp_path: Path
) -> None:
    committer.add(failed("b"))
    committer.commit()
    row = connect(str(tmp_path)).sql(
        "SELECT series_key, stage, code, sentence, attempts FROM failures"
    )
    assert row.fetchall() == [("b", "read", "not_3d", "Flat.", 1)]


def test_a_run_has_one_row_that_says_how_it_ended(committer: Committer, tmp_path: Path) -> None:
    committer.write_run("running", {"code_version": "x"})
    committer.add(measured("a"))
    committer.add(failed("b"))
    committer.commit()
    committer.write_run("failed", {"code_version": "x"})
    row = connect(str(tmp_path)).sql(
        "SELECT status, cts_todo, cts_done, cts_failed, code_version, ct_per_hour > 0 FROM runs"
    )
    assert row.fetchall() == [("failed", 3, 1, 1, "x", True)]
