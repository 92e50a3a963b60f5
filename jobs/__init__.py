"""jobs: one module a command, read top to bottom; its folders are named after what they serve."""

import importlib
import sys
from pathlib import Path

# `python -m jobs` looks in the current folder first, where a stats.py of the user's would take the
# place of ours: the other packages come from where this one does.
sys.path.insert(0, str(Path(__file__).parents[1]))
for _name in ("cluster", "segment_actor", "stats"):
    importlib.import_module(_name)
del sys.path[0]
