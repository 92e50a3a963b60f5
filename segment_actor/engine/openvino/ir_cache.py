"""OpenVINO's form of a model, kept on the disk of each machine.

To make it takes torch and some 10 s; to read it, neither. A folder a model, named after all that
it depends on; complete, since it is written under another name and renamed, and read only if its
files have the digests that were written beside them. That guards against a damaged disk, not
against somebody who can write to the user's own cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from segment_actor.models.folder import file_sha256

log = logging.getLogger(__name__)

XML, BIN, DIGESTS = "model.xml", "model.bin", "sha256"

Write = Callable[[Path], None]
"""Writes XML and BIN into a folder."""


def cache_root() -> Path:
    """The folder of converted models: CTCOHORT_CACHE_DIR, else ~/.cache/ctcohort/engine."""
    chosen = os.environ.get("CTCOHORT_CACHE_DIR")
    return Path(chosen) if chosen else Path.home() / ".cache" / "ctcohort" / "engine"


def cached_model(root: Path, key: str, write: Write) -> Path:
    """The folder of one model in the cache; it is made if it is not there, or damaged.

    Any number of processes may ask at the same time: each makes its own, the first one stays.

    Args:
        root: folder of the cache; made if it is missing.
        key: names the model's folder; see `cache_key`.
        write: makes the model's two files if they are not there.

    Raises:
        OSError: the cache cannot be written.
    """
    folder = root / key
    if _is_whole(folder):
        return folder
    root.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        log.warning("%s in the cache is damaged; it is made again", key)
        _discard(folder)
    with tempfile.TemporaryDirectory(dir=root, prefix="part-") as made:
        part = Path(made) / key
        part.mkdir()
        write(part)
        (part / DIGESTS).write_text(_digests(part))
        with suppress(OSError):  # another process was faster; its folder is as good
            part.rename(folder)
    return folder


def cache_key(*parts: object) -> str:
    """32 hex digits that differ if anything differs that a converted model depends on."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / DIGESTS).read_text() == _digests(folder)
    except OSError:
        return False


def _digests(folder: Path) -> str:
    return "\n".join(file_sha256(folder / name) for name in (XML, BIN))


def _discard(folder: Path) -> None:
    """Deletes a damaged model; renamed first, so that no other process reads half of it."""
    away = Path(tempfile.mkdtemp(dir=folder.parent, prefix="bad-"))
    with suppress(OSError):  # another process took it away
        folder.rename(away / folder.name)
    shutil.rmtree(away, ignore_errors=True)
