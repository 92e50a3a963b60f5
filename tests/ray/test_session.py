"""Who can reach a Ray of ours, and which clusters we do not trust with voxels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.open_to_all import is_open
from tests.support.ray_cluster import running_cluster
from tests.support.running_job import REPOSITORY, running_job
from tests.support.tiny_cohort import good_cts, write_objects

pytestmark = pytest.mark.ray

OPEN = {"RAY_AUTH_MODE": "disabled"}

LOOK_AROUND = """
import stat, ray
from pathlib import Path
from cluster.open_to_all import is_open
from cluster.session import connect

with connect(None):
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    ways_in = [stat.S_IMODE(folder.stat().st_mode) for folder in session.parents]
    print(0o700 in ways_in, is_open(ray.get_runtime_context().gcs_address), session)
print(session.exists())
"""


def test_a_ray_of_ours_lets_nobody_in_without_its_token_and_nobody_else_into_its_folder(
    tmp_path: Path,
) -> None:
    """Even where the environment says that some other cluster has no token."""
    env = {**os.environ, **OPEN, "PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LOOK_AROUND], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, gone = done.stdout.splitlines()
    assert first.startswith("True False /"), done.stdout
    assert gone == "False"
    assert not (tmp_path / ".ray").exists()


def test_a_cluster_with_a_token_is_told_from_one_without(cluster: dict[str, str]) -> None:
    assert not is_open(cluster["RAY_ADDRESS"])
    with running_cluster(OPEN) as without:
        assert is_open(without["RAY_ADDRESS"])


def test_a_cluster_that_asks_nobody_for_a_token_is_joined_on_demand_alone(
    model_set: Path, tmp_path: Path
) -> None:
    archive = str(write_objects(tmp_path / "archive", good_cts(range(1))))
    tables = str(tmp_path / "tables")
    with running_cluster(OPEN) as without:
        env = {"RAY_ADDRESS": without["RAY_ADDRESS"], **OPEN}
        with running_job(archive, tables, model_set, env=env) as job:
            code, said = job.finish()
        assert (code, "Traceback" in said) == (2, False), said
        assert "asks nobody for a token" in said.splitlines()[-1]
        with running_job(archive, tables, model_set, "--allow-open-cluster", env=env) as job:
            code, said = job.finish()
        assert code == 0, said
