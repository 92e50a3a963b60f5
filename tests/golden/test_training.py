"""The recipe of the embedded models runs from nothing to model sets that segment a CT."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segment_actor.anatomy import load_schema
from segment_actor.models.set import load_model_set
from segment_actor.segmenter import GroupSegmenter


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_training_command_makes_two_model_sets_that_segment(tmp_path: Path) -> None:
    # A process of its own, because nnU-Net takes its folders from the environment.
    command = [sys.executable, "-m", "jobs.train", "--quick", "--threads", "1"]
    command += ["--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    subprocess.run(command, check=True, capture_output=True, timeout=800)
    hu = np.random.default_rng(0).integers(-1000, 1000, (40, 40, 40)).astype(np.int16)
    for name, n_groups in (("embedded", 5), ("embedded-fast", 1)):
        models = load_model_set(tmp_path / "out" / "sets" / f"{name}.toml")
        assert len(models.groups) == n_groups
        labels = GroupSegmenter(models.groups[0], load_schema(models.schema), models.way).segment(
            hu
        )
        assert labels.shape == hu.shape
