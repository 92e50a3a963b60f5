"""The folder that keeps an index: tables in files, and one small file that says which are valid.

    index.json                which generation is valid, of which archive
    found-GENERATION.parquet  what each object holds (jobs/archive/found)
    files-GENERATION.parquet  the files of each series, by its number
    series-GENERATION.parquet one row a series (jobs/archive/series)

A generation is whole before index.json names it, so that an index that was broken off changes
nothing; the generation before stays for a run that reads it. All of it is private: it holds paths,
names and UIDs.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from cluster.stores.private_folder import PrivateFolder
from segment_actor.errors import SetupError

TABLES: Final = ("found", "files", "series")
VALID: Final = "index.json"
FORMAT: Final = 1
"""Of the tables; those of another one are made anew."""


@dataclass(frozen=True, slots=True)
class Generation:
    """Which tables are valid.

    Attributes:
        archive: URI of what is indexed.
        name: of the generation.
        before: the one before, which a run may still read.
        token: what the archive gave to ask for changes with.
        format: of the tables.
    """

    archive: str
    name: str
    before: str | None = None
    token: str | None = None
    format: int = FORMAT

    def file(self, table: str) -> str:
        """Name of the file of one of `TABLES`."""
        return f"{table}-{self.name}.parquet"


def generation_after(last: Generation | None, archive: str, token: str | None) -> Generation:
    """The next generation."""
    return Generation(archive, secrets.token_hex(8), last.name if last else None, token)


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
    """Makes tables valid, and removes those that nobody reads any more.

    Args:
        folder: of the index.
        tables: a room of the folder, with TABLE.parquet of each.
        generation: theirs.
    """
    for table in TABLES:
        folder.take(tables / f"{table}.parquet", generation.file(table))
    folder.write(VALID, json.dumps(asdict(generation)).encode())
    kept = {
        f"{table}-{name}.parquet"
        for table in TABLES
        for name in (generation.name, generation.before)
    }
    for name in folder.names() - kept:
        if name.partition("-")[0] in TABLES:
            folder.remove(name)
