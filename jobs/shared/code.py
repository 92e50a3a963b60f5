"""Our code: the packages that a cluster gets where a run is no job of it, and their fingerprint."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import cluster
import jobs
import segment_actor
import stats

CODE: Final = (cluster, jobs, segment_actor, stats)


def source_digest() -> str:
    """Fingerprint of the source, 48 bits.

    `ray job submit` ships files, not a repository: the fingerprint says which code ran there too.
    """
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for file in sorted(f for package in CODE for f in (root / package.__name__).rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()[:12]
