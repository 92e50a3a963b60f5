"""One study of a hospital, seven ways in which its files may lie: the same tables, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hospital.arrangements import SEVEN
from tests.support.hospital.reading import on_disk
from tests.support.running_job import committed, running_job
from tests.support.tiny_cohort import write_tiny_model_set

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1200)]  # seven runs


def test_a_study_has_the_same_numbers_however_its_files_lie(
    cluster: dict[str, str], tmp_path: Path
) -> None:
    model_set = write_tiny_model_set(tmp_path / "models", groups=("organs",))
    structures = []
    for layout in SEVEN:
        archive = on_disk(layout(), tmp_path / layout.__name__)
        tables = str(tmp_path / f"tables of {layout.__name__}")
        flags = ("--series", "all", "--index", str(tmp_path / f"index of {layout.__name__}"))
        with running_job(archive.uri, tables, model_set, *flags, env=cluster) as job:
            said = job.finish()[1]
        rows = committed(tables)
        assert len(rows["scans"]) == 4, said
        structures.append(rows["structures"])
    assert all(rows == structures[0] for rows in structures)
