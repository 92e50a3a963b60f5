"""Workers and drivers that die on the way: the tables are those of an undisturbed run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.running_job import committed, running_job

pytestmark = pytest.mark.ray


def test_killed_workers_of_every_kind_leave_the_same_tables(
    archive: str, model_set: Path, cluster: dict[str, str], undisturbed: str, tmp_path: Path
) -> None:
    with running_job(archive, str(tmp_path), model_set, env=cluster) as job:
        job.kill_worker("Map(load)")
        job.kill_worker("TimedSegmenter.segment")
        job.wait_for_scans(1)
        job.kill_worker("Map(Lane)")
        code, said = job.finish()
    assert code == 0, said
    assert committed(str(tmp_path)) == committed(undisturbed)


def test_a_killed_driver_is_simply_started_again(
    archive: str, model_set: Path, cluster: dict[str, str], undisturbed: str, tmp_path: Path
) -> None:
    with running_job(archive, str(tmp_path), model_set, env=cluster) as job:
        job.wait_for_scans(1)
        job.process.kill()
    assert 1 <= len(committed(str(tmp_path))["scans"]) < 8
    with running_job(archive, str(tmp_path), model_set, env=cluster) as job:
        code, said = job.finish()
    assert code == 0, said
    assert committed(str(tmp_path)) == committed(undisturbed)


def test_a_job_that_is_asked_to_stop_keeps_what_is_complete(
    archive: str, model_set: Path, cluster: dict[str, str], undisturbed: str, tmp_path: Path
) -> None:
    with running_job(archive, str(tmp_path), model_set, env=cluster) as job:
        job.wait_for_scans(1)
        job.process.send_signal(signal.SIGTERM)
        code, said = job.finish(within_s=30)
    assert code == 1, said
    assert "were not reached" in said
    assert set(committed(str(tmp_path))["scans"]) <= set(committed(undisturbed)["scans"])
