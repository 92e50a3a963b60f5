"""Which code ran."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

PACKAGES: Final = ("cluster", "jobs", "segment_actor", "stats")


def source_digest() -> str:
    """Fingerprint of the source, 48 bits.

    `ray job submit` ships files, not a repository: the fingerprint says which code ran there too.
    """
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for file in sorted(f for package in PACKAGES for f in (root / package).rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()[:12]
