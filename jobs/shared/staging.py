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
    """A folder to write into; at the end, all files in it move into `folder`, subfolders included.

    It lies inside `folder`, so that moving is renaming. After an error nothing is moved, and a
    folder that was not there is gone again; a process that is killed leaves `.ctcohort-...` behind.
    Writing is to be put into `writing_to(folder)`, so that a full disk is a sentence, too.

    Raises:
        SetupError: the folder cannot be made or written.
    """
    with writing_to(folder):
        was_there = folder.exists()  # an OSError where the name is too long
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".ctcohort-", dir=folder))
    try:
        yield scratch
        with writing_to(folder):
            for file in sorted(f for f in scratch.rglob("*") if f.is_file()):
                target = folder / file.relative_to(scratch)
                target.parent.mkdir(exist_ok=True, parents=True)
                file.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if not was_there:
            with suppress(OSError):  # only an empty folder goes
                folder.rmdir()


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Turns what goes wrong inside, a full disk above all, into a sentence that names the place.

    Args:
        place: a file or a folder, as the user named it.

    Raises:
        SetupError: there was an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise SetupError(f"cannot write to {place}: {error.strerror}") from error
