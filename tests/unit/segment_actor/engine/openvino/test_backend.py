"""OpenVINO's engine on a new machine, whose caches are empty."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.tiny_model import write_tiny_model

CODE = """
import sys, threading
from pathlib import Path
import numpy as np
from segment_actor.anatomy import load_schema
from segment_actor.engine.load import load_backend
from segment_actor.execution import Execution
from stats.measure import measure

execution = Execution(engine="openvino", device="cpu")
loader = threading.Thread(target=load_backend, args=(Path(sys.argv[1]), execution))
loader.start()
hu, labels = np.zeros((8, 8, 8), np.int16), np.zeros((8, 8, 8), np.uint8)
labels[2:4] = 3
rows = measure(hu, labels, 1.0, load_schema("paper104"), spacing_mm=(1.0, 1.0, 1.0))
loader.join()
print(sum(row.voxel_count for row in rows))
"""


def test_a_model_is_converted_while_another_thread_compiles(tmp_path: Path) -> None:
    """As in the first CT of a new installation: models load while others work."""
    folder = write_tiny_model(tmp_path, ("liver", "spleen"))
    caches = {name: str(tmp_path / name) for name in ("NUMBA_CACHE_DIR", "CTCOHORT_CACHE_DIR")}
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(folder)],
        env={**os.environ, **caches, "PYTHONPATH": str(Path(__file__).parents[5])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.split() == ["128"], run.stderr
