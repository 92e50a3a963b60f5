"""The folder that keeps an index: tables in files, and one small file that says which are valid.

    index.json                which generation is valid, of which archive
    found-GENERATION.parquet  what each object holds (jobs/archive/looking/found)
    files-GENERATION.parquet  the files of each series, by its number
    series-GENERATION.parquet one row a series (jobs/archive/grouping/series)

A generation is whole before index.json names it, so that an index that was broken off changes
nothing. Of two that are made at the same time the last one is valid. A generation stays for some
days after the next one, for a run that reads it and for an index that is still being made. All of
it is private: it holds paths, names and UIDs.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cluster.stores.private_folder import PrivateFolder
from jobs.archive.grouping.series import FILES, SERIES
from jobs.archive.looking.found import FOUND
from segment_actor.errors import SetupError

TABLES: Final = ("found", "files", "series")
VALID: Final = "index.json"
FORMAT: Final = hashlib.sha256(
    repr(
        [(field.name, str(field.type)) for schema in (FOUND, FILES, SERIES) for field in schema]
    ).encode()
).hexdigest()[:16]
"""Of the tables, by their columns; those of another version are made anew."""

KEPT: Final = timedelta(days=7)
"""Files of a generation, after it was begun: no index takes longer, and a run opens those of its
own at its start."""

_STAMP: Final = "%Y%m%dT%H%M%S"
_FILE: Final = re.compile(rf"({'|'.join(TABLES)})-(\d{{8}}T\d{{6}})?.*")


@dataclass(frozen=True, slots=True)
class Generation:
    """Which tables are valid.

    Attributes:
        archive: URI of what is indexed.
        name: of the generation; it begins with the time at which it was begun, in UTC.
        before: the one before, which a run may still read.
        token: what the archive gave to ask for changes with.
        basis: digest of all that series follow from beside what was found.
        secret: `KeyMaker.check` of the site's secret that its keys were made with.
        format: of the tables.
    """

    archive: str
    name: str
    before: str | None = None
    token: str | None = None
    basis: str = ""
    secret: str = ""
    format: str = FORMAT

    def file(self, table: str) -> str:
        """Name of the file of one of `TABLES`."""
        return f"{table}-{self.name}.parquet"


def generation_after(
    last: Generation | None, archive: str, token: str | None, basis: str, secret: str
) -> Generation:
    """The next generation."""
    name = f"{datetime.now(UTC):{_STAMP}}-{secrets.token_hex(4)}"
    return Generation(archive, name, last.name if last else None, token, basis, secret)


def valid_generation(folder: PrivateFolder) -> Generation | None:
    """The generation that is valid; None if there is no index yet, or one of another format.

    Raises:
        SetupError: it cannot be read, or is no index.
    """
    if VALID not in folder.names():
        return None
    try:
        said = Generation(**json.loads(folder.read(VALID)))
    except (TypeError, ValueError) as error:
        raise SetupError(
            f"{folder.uri} is no index that this version reads; make one in another folder: "
            "ctcohort index --archive URI --out FOLDER"
        ) from error
    return said if said.format == FORMAT else None


def publish(folder: PrivateFolder, tables: Path, generation: Generation) -> None:
    """Makes tables valid.

    Args:
        folder: of the index.
        tables: a room of the folder, with TABLE.parquet of each.
        generation: theirs.
    """
    for table in TABLES:
        folder.take(tables / f"{table}.parquet", generation.file(table))
    name_as_valid(folder, generation)


def name_as_valid(folder: PrivateFolder, generation: Generation) -> None:
    """Makes a generation the valid one, whose tables lie there."""
    folder.write(VALID, json.dumps(asdict(generation)).encode())


def remove_old(folder: PrivateFolder, generation: Generation) -> None:
    """Removes the tables that nobody reads any more.

    Args:
        folder: of the index.
        generation: the valid one; it and the one before it stay, whatever their age.
    """
    kept = {each.file(table) for table in TABLES for each in _with_the_one_before(generation)}
    oldest = f"{datetime.now(UTC) - KEPT:{_STAMP}}"
    for name in folder.names() - kept:
        table = _FILE.fullmatch(name)
        if table and (table[2] or "") < oldest:
            folder.remove(name)


def _with_the_one_before(generation: Generation) -> list[Generation]:
    before = generation.before
    return [generation, *([replace(generation, name=before)] if before else [])]
