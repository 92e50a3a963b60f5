"""Files that appear together when all of them are whole, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segment_actor.errors import SetupError


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A folder to write into; at the end, all that is in it moves into `folder`.

    It lies inside `folder`, so that moving is renaming. After an error nothing is moved, and a
    folder that was not there is gone again; a process that is killed leaves `.ctcohort-...` behind.

    Raises:
        SetupError: the folder cannot be made or written.
    """
    was_there = folder.exists()
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".ctcohort-", dir=folder))
    try:
        yield scratch
        with writing_to(folder):
            for file in sorted(scratch.iterdir()):
                file.replace(folder / file.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if not was_there:
            with suppress(OSError):  # only an empty folder goes
                folder.rmdir()


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """What goes wrong inside, a full disk above all, becomes a `SetupError`."""
    try:
        yield
    except OSError as error:
        raise SetupError(f"cannot write to {folder}: {error.strerror}") from error
