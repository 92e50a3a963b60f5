"""A real run over an archive full of identifying texts, and the search for them in all its bytes.

Only the index may know who is who: it is written for the eyes of its owner alone.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jobs.archive.keys import KeyMaker
from stats.query import connect
from tests.support.planted import PLANTED, findings, findings_under
from tests.support.planted_archive import (
    PATIENT,
    WHOLE,
    planted_archive,
    planted_nifti,
    series_uid,
)
from tests.support.running_job import REPOSITORY, SECRET
from tests.support.tiny_cohort import write_objects
from tests.support.watched_ray import WatchedRay, watched_ray

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

DEMOGRAPHICS = f"""path,age_years,sex,patient,study,scan_date
{PATIENT}/ct 1,73,F,{PLANTED["patient id"]},{PLANTED["study id"]},{PLANTED["scan date"]}
{PATIENT}/ct.nii.gz,73,F,{PLANTED["patient id"]},{PLANTED["study id"]},{PLANTED["scan date"]}
"""


@dataclass(frozen=True)
class Run:
    """What it left.

    Attributes:
        out: all that may be shown: tables, label maps, report, masks.
        private: the index, and the site's secret.
        ray: the cluster that it ran on.
        said: by the commands, on stdout and stderr.
        codes: with which they ended.
    """

    out: Path
    private: Path
    ray: WatchedRay
    said: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)

    def command(self, name: str, *words: str) -> None:
        """Runs one."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "jobs", *words],
            env={
                **os.environ,
                **self.ray.env,
                "PYTHONPATH": str(REPOSITORY),
                "CTCOHORT_SITE_SECRET_FILE": str(self.private / "site_secret"),
            },
            cwd=self.out,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self.said[name], self.codes[name] = done.stdout, done.returncode


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, model_set: Path) -> Iterator[Run]:
    """Every command that a hospital runs on its archive."""
    root = tmp_path_factory.mktemp("hospital")
    archive = write_objects(root / "archive", planted_archive())
    (archive / "demographics.csv").write_text(DEMOGRAPHICS)
    out, private = root / "out", root / "private"
    out.mkdir()
    private.mkdir(mode=0o700)
    (private / "site_secret").write_text(SECRET)
    (private / "site_secret").chmod(0o600)
    settings = private / "night.toml"
    settings.write_text(
        f'archive = "{archive}"\ntables = "{out}/tables"\nlabels = "{out}/labels"\n'
        f'model_set = "{model_set}"\n'
    )
    travels = KeyMaker(SECRET.encode()).series_key(series_uid(1)).encode()
    with watched_ray(controls=(travels,)) as ray:
        done = Run(out, private, ray)
        done.command("index", "index", "--archive", str(archive), "--out", str(private / "index"))
        done.command("segment", "segment", "--config", str(settings))
        ray.ask_dashboard()
        tables = str(out / "tables")
        every_row = "SELECT * FROM scans FULL JOIN failures USING (series_key)"
        done.command("query", "query", "--tables", tables, "--format", "json", every_row)
        done.command("report", "report", "--tables", tables, "--out", str(out / "report.html"))
        _segment_one(done, archive, root, model_set)
        yield done


def _segment_one(done: Run, archive: Path, root: Path, model_set: Path) -> None:
    """Single CTs, under names that say nothing: what is typed is shown in an error."""
    inputs = {"good": "ct 1", "bad": "unit"}
    for name, path in inputs.items():
        (root / name).symlink_to(archive / PATIENT / path)
    (root / "ct.nii.gz").write_bytes(planted_nifti())
    options = ("--model-set", str(model_set), "--statistics")
    for name in inputs:
        masks = str(done.out / f"masks of {name}")
        done.command(
            name, "segment-one", "-i", str(root / name), "-o", masks, *options, "--preview"
        )
    one = str(done.out / "one.nii.gz")
    done.command("ml", "segment-one", "-i", str(root / "ct.nii.gz"), "-o", one, "--ml", *options)


def test_the_run_measured_what_can_be_measured_and_refused_the_rest(run: Run) -> None:
    assert run.codes == {
        "index": 0, "segment": 1, "query": 0, "report": 0, "good": 0, "bad": 1, "ml": 0,
    }, run.said  # fmt: skip
    with connect(str(run.out / "tables")) as database:
        counts = [database.table(name).count("*").fetchall() for name in ("scans", "failures")]
    assert counts[0] == [(WHOLE,)]
    assert counts[1][0][0] >= 5


def test_no_byte_of_what_is_written_identifies_anybody(run: Run) -> None:
    count, found = findings_under(run.out)
    assert found == []
    assert count > 20


def test_no_command_says_what_identifies_anybody(run: Run) -> None:
    found = [line for name, said in run.said.items() for line in findings(name, said)]
    assert found == []


def test_no_command_ends_in_a_traceback(run: Run) -> None:
    assert [said.decode() for said in run.said.values() if b"Traceback" in said] == []


def test_no_log_of_ray_identifies_anybody(run: Run) -> None:
    count, found = findings_under(run.ray.session)
    assert found == []
    assert count > 20


def test_the_dashboard_says_nothing_that_identifies_anybody(run: Run) -> None:
    said = [(page, text) for page, texts in run.ray.answers.items() for text in texts]
    assert [line for page, text in said for line in findings(page, text)] == []
    assert any(b"load" in text for page, text in said if "tasks" in page)
    assert {
        "api/jobs/",
        "api/v0/actors?detail=1",
        "api/v0/objects?detail=1",
    } <= run.ray.answers.keys()


def test_the_object_store_holds_voxels_and_nothing_that_identifies_anybody(run: Run) -> None:
    assert run.ray.looks > 20
    assert all(run.ray.controls.values())  # a key travels, and was seen
    assert run.ray.in_store == set()


def test_what_is_spilled_to_disk_holds_nothing_that_identifies_anybody(run: Run) -> None:
    count, found = findings_under(run.ray.spilled)
    assert found == []
    assert count > 0


def test_who_is_who_is_for_the_eyes_of_the_owner_alone(run: Run) -> None:
    kept = [file for file in run.private.rglob("*") if "index" in str(file)]
    assert kept
    for file in kept:
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
