"""Where official weights lie on this machine, and which of them are trusted.

A model is known by the name `Dataset291_.../nnUNetTrainer...__3d_fullres`, not by a place. It is
looked for in ctcohort's own folder (CTCOHORT_WEIGHTS_DIR, else ~/.local/share/ctcohort/weights),
then where TotalSegmentator keeps its own (TOTALSEG_WEIGHTS_PATH, TOTALSEG_HOME_DIR, else home).

Nobody publishes digests of these weights, so they are trusted on first use: `ctcohort weights`
checks a model when it comes in and writes the SHA-256 of its three files into `weights.lock.json`
in the own folder; from then on only those very files are used. A site hands the lock to its nodes.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from segment_actor.errors import SetupError
from segment_actor.models.fields import Field, FieldError, read_json
from segment_actor.models.folder import CHECKPOINT, DATASET, PLANS, check_complete, file_sha256
from segment_actor.models.official import dataset_number

FILES: Final = (PLANS, DATASET, CHECKPOINT)
"""What decides the labels: weights, and the two files that say how to use them."""

LOCK: Final = "weights.lock.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """One model's entry in the lock.

    Attributes:
        sha256: of each of `FILES`, hex.
        licence: of the weights, as shown when they came in.
        source: folder, archive or address that they came from.
        since: when, ISO 8601 in UTC.
    """

    sha256: Mapping[str, str]
    licence: str
    source: str
    since: str


def weights_folder() -> Path:
    """Ctcohort's own folder of weights, whether it exists or not."""
    named = os.environ.get("CTCOHORT_WEIGHTS_DIR")
    return Path(named).expanduser() if named else Path.home() / ".local/share/ctcohort/weights"


def places() -> tuple[Path, ...]:
    """Folders that are searched for models, in this order."""
    if named := os.environ.get("TOTALSEG_WEIGHTS_PATH"):
        theirs = Path(named)
    elif home := os.environ.get("TOTALSEG_HOME_DIR"):
        theirs = Path(home) / "nnunet/results"
    else:
        theirs = Path.home() / ".totalsegmentator/nnunet/results"
    return weights_folder(), theirs


def find(name: str) -> Path | None:
    """The first place's folder of this model, or None."""
    return next((place / name for place in places() if (place / name).is_dir()), None)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each of `FILES`.

    Raises:
        SetupError: one is missing.
    """
    check_complete(folder)
    return {name: file_sha256(folder / name) for name in FILES}


def read_lock() -> dict[str, Trusted]:
    """Model name to entry; empty before the first model came in.

    Raises:
        SetupError: the file is not a lock.
    """
    path = weights_folder() / LOCK
    if not path.is_file():
        return {}
    try:
        return {name: _trusted(entry) for name, entry in read_json(path).fields().items()}
    except FieldError as error:
        raise SetupError(
            f"{path} is damaged ({error}); restore it, or delete it and trust the models again "
            "with ctcohort weights verify --trust"
        ) from error
    except OSError as error:
        raise SetupError(f"{path} cannot be read ({error.strerror})") from error


def _trusted(entry: Field) -> Trusted:
    sha256 = {file: entry["sha256"][file].text() for file in FILES}
    licence, source, since = (entry[key].text() for key in ("licence", "source", "since"))
    return Trusted(sha256=sha256, licence=licence, source=source, since=since)


def trust(name: str, entry: Trusted) -> None:
    """Writes one entry. Another that is there already stays as it is.

    Raises:
        SetupError: the lock trusts other files under this name, or cannot be written.
    """
    folder = weights_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)  # two imports at a time would lose one entry
            entries = read_lock()
            if name in entries:
                refuse_other_files(name, entry.sha256, entries[name])
                return
            entries[name] = entry
            text = json.dumps({n: asdict(e) for n, e in sorted(entries.items())}, indent=1)
            part = folder / f"{LOCK}.part"
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(folder / LOCK)
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written ({error.strerror}); set CTCOHORT_WEIGHTS_DIR to a folder "
            "of yours"
        ) from error


def refuse_other_files(where: str, found: Mapping[str, str], entry: Trusted) -> None:
    """Makes sure that these are the trusted files.

    Args:
        where: they were found.
        found: their SHA-256, as from `digests`.
        entry: of their model.

    Raises:
        SetupError: a file is another.
    """
    for file in FILES:
        if found[file] != entry.sha256[file]:
            raise SetupError(
                f"{where}/{file} has SHA-256 {found[file]}, but {weights_folder() / LOCK} trusts "
                f"{entry.sha256[file]} since {entry.since[:10]}; fetch or import the model again, "
                "or delete its entry there if it was replaced on purpose"
            )


def trusted_models(names: Sequence[str]) -> dict[str, tuple[Path, Trusted]]:
    """Folder and lock entry of each model; its files are not read yet.

    Raises:
        SetupError: models are missing, or are there but were never trusted.
    """
    folders = {name: find(name) for name in names}
    if missing := [name for name, folder in folders.items() if folder is None]:
        raise SetupError(
            f"{len(missing)} of {len(names)} models are not on this machine: {_datasets(missing)}; "
            f"looked in {' and '.join(map(str, places()))}. Get them with: ctcohort weights fetch "
            f"{_numbers(missing)} (or ctcohort weights import, see docs/how-to/weights.md)"
        )
    lock = read_lock()
    if unknown := [name for name in names if name not in lock]:
        raise SetupError(
            f"{_datasets(unknown)}: found in {_place(folders[unknown[0]])}, but nothing says that "
            "these are the right files. If you trust them, say so once: "
            f"ctcohort weights verify --trust {_numbers(unknown)}"
        )
    return {name: (folder, lock[name]) for name, folder in folders.items() if folder}


def _datasets(names: Sequence[str]) -> str:
    return ", ".join(name.partition("/")[0] for name in names)


def _place(folder: Path | None) -> str:
    """The place that a model's folder was found in."""
    return str(folder.parents[1]) if folder else ""


def _numbers(names: Sequence[str]) -> str:
    return " ".join(dataset_number(name) for name in names)
