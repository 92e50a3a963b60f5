"""One small archive, one tiny model set, and the tables of an undisturbed run over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ray_cluster import running_cluster
from tests.support.running_job import running_job
from tests.support.tiny_cohort import good_cts, write_objects, write_tiny_model_set


@pytest.fixture(scope="session")
def cluster() -> Iterator[dict[str, str]]:
    with running_cluster() as environment:
        yield environment


@pytest.fixture(scope="session")
def model_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model_set(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Eight CTs that take about half a second each: time to kill something."""
    objects = good_cts(range(8), shape=(60, 60, 64))
    return str(write_objects(tmp_path_factory.mktemp("archive"), objects))


@pytest.fixture(scope="session")
def undisturbed(
    archive: str,
    model_set: Path,
    cluster: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The tables of a run over `archive` that nothing happened to."""
    tables = str(tmp_path_factory.mktemp("undisturbed"))
    with running_job(archive, tables, model_set, env=cluster) as job:
        code, said = job.finish()
    assert code == 0, said
    return tables
