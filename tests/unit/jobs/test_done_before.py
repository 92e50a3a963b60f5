"""What `segment` says of series that it passes over, before Ray starts."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from jobs.archive.grouping.series import Series
from jobs.segment import run
from jobs.segment_run.config import SegmentConfig
from jobs.segment_run.version import pipeline_version
from jobs.shared.command import DONE
from jobs.shared.models import execution_of
from segment_actor.models.set import load_model_set
from stats.tables.commit import Batch, CohortTables, Stamp
from tests.support.indexing import index_of
from tests.support.tiny_cohort import good_cts, write_objects

MODELS = "embedded-fast"


@pytest.fixture
def series(tmp_path: Path) -> list[Series]:
    archive = write_objects(tmp_path / "archive", good_cts([1, 2]))
    return index_of(archive, tmp_path / "index").series()


def run_again(folder: Path, batch: Batch, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a run says that finds `batch` in its tables."""
    models = load_model_set(MODELS)
    version = pipeline_version(models, execution_of(models, None, "auto", "auto"))
    tables = str(folder / "tables")
    CohortTables(tables).commit(batch, Stamp("run-1", "2026-01-01", version))
    with caplog.at_level(logging.INFO, "jobs.segment"):
        config = SegmentConfig(tables=tables, index=str(folder / "index"), model_set=MODELS)
        assert run(config) == DONE
    return [message for message in caplog.messages if "never for patients" not in message]


def measured(series: Series, input_version: str | None) -> dict[str, object]:
    return {"series_key": series.series_key, "input_version": input_version}


def failed(series: Series) -> dict[str, object]:
    return measured(series, series.input_version) | {"code": "empty_file", "sentence": "Empty."}


def test_series_that_failed_before_are_counted_among_those_done(
    tmp_path: Path, series: list[Series], caplog: pytest.LogCaptureFixture
) -> None:
    one, other = series
    batch = Batch(scans=[measured(one, one.input_version)], failures=[failed(other)])
    assert run_again(tmp_path, batch, caplog) == [
        "2 series, 2 done before, 0 to do",
        "1 of those done before had failed, and their files are the same since; "
        "--retry-failed takes them up again.",
    ]


def test_a_nifti_of_which_the_tables_hold_another_file_of_its_path_is_said_to_be_passed_over(
    tmp_path: Path, series: list[Series], caplog: pytest.LogCaptureFixture
) -> None:
    """Tables of an earlier version know no input version: of those nothing can be said."""
    one, other = series
    batch = Batch(scans=[measured(one, "of another archive"), measured(other, None)])
    assert run_again(tmp_path, batch, caplog) == [
        "2 series, 2 done before, 0 to do",
        "1 NIfTI files are not measured: the tables hold another file of the same path, as it was "
        "before or of another archive. Give each archive tables of its own.",
    ]
