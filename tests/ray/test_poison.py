"""CTs that end their worker at every try: set aside, with no harm to their neighbours."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ct_files import made_hu, nifti
from tests.support.poison import HANGING_HU, POISON_HU
from tests.support.running_job import REPOSITORY
from tests.support.tiny_cohort import write_objects

pytestmark = pytest.mark.ray


def test_cts_that_end_or_hang_their_worker_are_set_aside_and_all_others_are_measured(
    cluster: dict[str, str], model_set: Path, tmp_path: Path
) -> None:
    hu = made_hu((20, 22, 24))
    above_200_hu = int((hu > 200).sum())  # painted over what lies above 100 HU
    expected = [int((hu > 100).sum()) - above_200_hu, above_200_hu]
    same = {f"good{n}.nii.gz": gzip.compress(nifti(hu)) for n in range(6)}
    hu[0, 0, 0] = POISON_HU
    toxic = gzip.compress(nifti(hu))
    hu[0, 0, 0] = HANGING_HU
    hanging = gzip.compress(nifti(hu))
    poisons = {"poison.nii.gz": b"", "toxic.nii.gz": toxic, "hanging.nii.gz": hanging}
    write_objects(tmp_path, same | poisons)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.poison_run", str(tmp_path), str(model_set)],
        cwd=REPOSITORY,
        env={**os.environ, **cluster},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {  # Ray says on stdout that workers died
        "poison.nii.gz": ["fetch", "worker_died"],
        "hanging.nii.gz": ["segment", "worker_died"],
        "toxic.nii.gz": ["segment", "worker_died"],
        **dict.fromkeys(same, expected),
    }
