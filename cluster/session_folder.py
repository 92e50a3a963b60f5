"""The folder of a Ray that we start: nobody else can look into it, and it is gone afterwards."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from segment_actor.errors import SetupError

log = logging.getLogger(__name__)

LONGEST_SOCKET: Final = 107
"""Bytes of a socket's path (Linux, unix(7): 108 with the NUL at its end)."""

RAYS_PART: Final = len("/session_2026-11-30_00-08-07_832220_1234567/sockets/plasma_store")
"""What Ray 2.60 adds to the name of its folder; a process id has up to seven digits."""

REMOVALS: Final = 20
"""Tries, 0.1 s apart: an agent of Ray that is about to end may write a log meanwhile."""


@contextmanager
def session_folder() -> Iterator[str]:
    """A folder for Ray under RAY_TMPDIR, TMPDIR or /tmp.

    Ray opens its folder to everybody (mode 0777), whatever it was before, and writes what does not
    fit its object store there: voxels. So it gets one within a folder of mode 0700.

    Raises:
        SetupError: no folder can be made there, or its name is too long for Ray's sockets.
    """
    base = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108  # a folder of ours in it
    try:
        private = Path(tempfile.mkdtemp(prefix="ct-", dir=base))
    except OSError as error:
        raise SetupError(
            f"Ray did not start on this machine: no folder can be made in {base} "
            f"({error.strerror}). Set RAY_TMPDIR to a folder that can be written."
        ) from error
    folder = private / "r"
    try:
        if (too_long := len(os.fsencode(folder)) + RAYS_PART - LONGEST_SOCKET) > 0:
            raise SetupError(
                f"Ray cannot use a folder in {base}: the name is {too_long} bytes too long for its "
                "sockets. Set RAY_TMPDIR to a folder with a shorter name."
            )
        yield str(folder)
    finally:
        _remove(private)


def _remove(folder: Path) -> None:
    for _ in range(REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    log.warning("%s could not be removed. Do so: it may hold voxels.", folder)
