"""What every test may rely on."""

from __future__ import annotations

import os

# Set before anything imports torch, numba or numpy: tests run on shared machines, Ray's workers
# inherit it, and a result must not depend on the number of threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("MPLBACKEND", "Agg")
