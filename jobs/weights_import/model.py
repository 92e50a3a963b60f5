"""Importing one model: copied beside its place, checked, put there, and then trusted."""

from __future__ import annotations

import logging
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from jobs.weights_import.source import FoundModel
from segment_actor.errors import SeriesError, SetupError
from segment_actor.models.folder import CHECKPOINT, missing_file, read_model_folder
from segment_actor.models.official import OfficialModel, official_models
from segment_actor.models.trusted import (
    FILES,
    Trusted,
    digests,
    read_lock,
    refuse_other_files,
    trust,
    weights_folder,
)

log = logging.getLogger(__name__)

MOST_CHECKPOINT_BYTES = 2 * 1024**3
"""Size a file may have; the largest nnU-Net checkpoint in use is below 1 GB ..."""

MOST_JSON_BYTES = 64 * 1024**2
"""... and plans.json and dataset.json some 10 kB."""

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
"""What reading a damaged .zip raises, or one packed in a way that Python does not know."""

CHUNK_BYTES = 8 * 1024**2


def import_model(model: FoundModel, licence: str, source: str) -> Path:
    """Copies a model into the weights folder, whole or not at all, and trusts it.

    Args:
        model: where it was found.
        licence: the licence of its weights, for the lock file.
        source: where it is from, for the lock file.

    Returns:
        Its folder in the weights folder.

    Raises:
        SetupError: it is incomplete, damaged, unsafe, not what its name says, or another than the
            lock trusts; nothing is left behind.
    """
    place = weights_folder() / model.name
    with _staging() as stage:
        folder = stage / model.name
        try:
            _copy(model, folder)
            check_model(folder, model.name)
        except SetupError as error:  # in the words of those who know the source alone
            raise SetupError(str(error).replace(str(folder), model.uri)) from error
        found = digests(folder)
        if known := read_lock().get(model.name):
            refuse_other_files(model.uri, found, known)
        if place.exists() and _same(place, found):
            log.info("%s is already there", model.name)
        elif place.exists():
            raise SetupError(
                f"{place} is already there with other files; move it away, then import again"
            )
        else:
            place.parent.mkdir(exist_ok=True)
            folder.rename(place)
    record_trust(model.name, found, licence, source)
    return place


def record_trust(name: str, found: Mapping[str, str], licence: str, source: str) -> None:
    """Writes into the lock file that a model is trusted from now on.

    Args:
        name: 'dataset/model'.
        found: SHA-256 of each of its files.
        licence: the licence of its weights.
        source: where it is from.
    """
    since = datetime.now(UTC).isoformat(timespec="seconds")
    trust(name, Trusted(sha256=dict(found), licence=licence, source=source, since=since))


def check_model(folder: Path, name: str) -> None:
    """Makes sure that a folder holds a model that we can run, and the one that its name says.

    Raises:
        SetupError: a file is missing or damaged, could run code, is of another kind of network, or
            of other structures or another spacing than the official model of that name.
    """
    from segment_actor.engine.torch.network import (
        load_network,  # torch, 2 s: only for those who import
    )

    model = read_model_folder(folder)
    official = next((o for o in official_models() if o.name == name), None)
    if official:
        _check_official(folder, tuple(model.label_names.values())[1:], official)
        if any(abs(mm - official.spacing_mm) > 1e-3 for mm in model.spacing_mm):
            raise SetupError(
                f"{folder} is a model of {model.spacing_mm} mm, not of {official.spacing_mm} mm; "
                "take the official folder of that name"
            )
    load_network(folder)


def _check_official(folder: Path, found: tuple[str, ...], official: OfficialModel) -> None:
    wanted = official.structures
    if found == wanted:
        return
    pairs = enumerate(zip(found, wanted, strict=False), 1)
    other = [f"label {n} is '{a}', not '{b}'" for n, (a, b) in pairs if a != b]
    fault = other[0] if other else f"{len(found)} structures, not {len(wanted)}"
    raise SetupError(
        f"{folder}/dataset.json is not that of {official.dataset}: {fault}; take the official "
        "folder of that name"
    )


@contextmanager
def _staging() -> Iterator[Path]:
    """A folder beside the models, so that a rename suffices; gone afterwards."""
    own = weights_folder()
    try:
        own.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".incoming-", dir=own))
    except OSError as error:
        raise SetupError(
            f"{own} cannot be written ({error.strerror}); set CTCOHORT_WEIGHTS_DIR to a folder "
            "of yours"
        ) from error
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _copy(model: FoundModel, folder: Path) -> None:
    """The three files, and nothing else."""
    for name in FILES:
        path = model.prefix + name
        if path not in model.sizes:
            raise missing_file(folder / name)
        most = MOST_CHECKPOINT_BYTES if name == CHECKPOINT else MOST_JSON_BYTES
        if model.sizes[path] > most:
            raise SetupError(f"{folder / name} is larger than any model; check where it is from")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with model.source.open(path) as stream, target.open("wb") as out:
                written = _copy_bounded(stream, out, most)
        except (OSError, SeriesError, *DAMAGE) as error:
            raise SetupError(
                f"{target} could not be copied ({error}); copy or download it again"
            ) from error
        if written != model.sizes[path]:
            raise SetupError(f"{target} is cut short; copy or download it again")


def _copy_bounded(stream: BinaryIO, out: BinaryIO, most_bytes: int) -> int:
    """Copies until the end, or just past the bound; returns the bytes copied."""
    written = 0
    while written <= most_bytes and (block := stream.read(CHUNK_BYTES)):
        out.write(block)
        written += len(block)
    return written


def _same(folder: Path, found: Mapping[str, str]) -> bool:
    return all((folder / name).is_file() for name in FILES) and digests(folder) == dict(found)
