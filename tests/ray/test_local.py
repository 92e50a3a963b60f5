"""Runs that start their own Ray on this machine, as everybody's first one does."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from stats.query import connect
from tests.support.running_job import committed, running_job
from tests.support.tiny_cohort import good_cts, write_objects

pytestmark = pytest.mark.ray


def statuses(tables: Path) -> list[str]:
    with connect(str(tables)) as database:
        return [status for (status,) in database.sql("SELECT status FROM runs").fetchall()]


def test_a_home_that_cannot_be_written_and_files_with_our_packages_names_change_nothing(
    archive: str, model_set: Path, undisturbed: str, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("cluster", "jobs", "segment_actor", "stats"):
        (folder / f"{name}.py").write_text("raise SystemExit('the file of the user')\n")
    env = {"HOME": "/proc/1", "CTCOHORT_SITE_SECRET_FILE": ""}
    with running_job(archive, str(tmp_path / "tables"), model_set, env=env, cwd=folder) as job:
        code, said = job.finish()
    assert code == 0, said
    assert committed(str(tmp_path / "tables")) == committed(undisturbed)


def test_a_run_that_is_asked_to_stop_ends_its_ray_and_starts_no_other(
    model_set: Path, tmp_path: Path
) -> None:
    archive = write_objects(tmp_path / "archive", good_cts(range(24), shape=(60, 60, 64)))
    tables = tmp_path / "tables"
    with running_job(str(archive), str(tables), model_set) as job:
        job.wait_for_scans(1)
        job.process.send_signal(signal.SIGTERM)
        code, said = job.finish(within_s=60)
    assert code == 1, said
    assert "were not reached" in said
    assert "Started a local Ray" not in said
    assert statuses(tables) == ["failed"]


def test_a_run_whose_ray_is_gone_says_so_and_keeps_what_is_complete(
    model_set: Path, tmp_path: Path
) -> None:
    archive = write_objects(tmp_path / "archive", good_cts(range(24), shape=(60, 60, 64)))
    tables = tmp_path / "tables"
    with running_job(str(archive), str(tables), model_set) as job:
        job.wait_for_scans(1)
        job.kill_raylet()
        code, said = job.finish(within_s=60)
    assert code == 1, said
    assert "Ray's process on this machine (raylet) is gone" in said
    assert "were not reached" in said
    assert statuses(tables) == ["failed"]


def test_a_ray_that_does_not_start_is_one_sentence_and_no_run_stays_running(
    archive: str, model_set: Path, tmp_path: Path
) -> None:
    env = {"RAY_TMPDIR": "/proc/1"}
    with running_job(archive, str(tmp_path), model_set, env=env) as job:
        code, said = job.finish()
    assert (code, "Traceback" in said) == (2, False), said
    assert "Ray did not start on this machine: no folder can be made" in said.splitlines()[-1]
    assert statuses(tmp_path) == ["failed"]


@pytest.mark.slow
def test_a_cluster_that_takes_a_connection_and_says_nothing_is_one_sentence_in_a_minute(
    archive: str, model_set: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {"RAY_ADDRESS": f"127.0.0.1:{silent.getsockname()[1]}"}
        with running_job(archive, str(tmp_path), model_set, env=env) as job:
            code, said = job.finish(within_s=80)
    assert (code, "Traceback" in said) == (2, False), said
    assert "does not answer" in said.splitlines()[-1]
    assert not list(tmp_path.iterdir())  # the index asks the cluster, before there is a run
