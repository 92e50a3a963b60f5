"""What an archive holds now: what is known of it, without what is gone, and what is new.

A file whose object has not changed since is not looked into again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from cluster.stores.contract import Changes, StoredObject
from jobs.archive.database import ROWS, batches, copy_to, count, rows_of, view, write
from jobs.archive.looking.found import FOUND, Found, to_table
from jobs.archive.looking.pace import told
from jobs.archive.looking.side_by_side import Look

log = logging.getLogger(__name__)

LISTING: Final = pa.schema(
    [
        ("path", pa.string()),
        ("size_bytes", pa.int64()),
        ("version", pa.string()),
        ("is_zip", pa.bool_()),
    ]
)

NEW: Final = """
FROM listing
WHERE NOT EXISTS (FROM known WHERE known.path = listing.path AND known.version = listing.version)
"""

STILL_THERE: Final = """
SELECT * FROM known
WHERE EXISTS (FROM listing WHERE known.path = listing.path AND known.version = listing.version)
"""

NOT_NAMED: Final = """
SELECT * FROM known
WHERE version <> '' AND NOT EXISTS (FROM listing WHERE known.path = listing.path)
"""
"""Of an archive that only tells what changed, this is still there, too."""

REFUSED: Final = """
SELECT DISTINCT path, size_bytes, 'not named' AS version, member = '' AS is_zip FROM known
WHERE version = '' AND NOT EXISTS (FROM listing WHERE known.path = listing.path)
"""
"""And this it did not give when it was asked (a version LOOK_AGAIN, perhaps of a container as a
WHOLE: both are empty texts): it is asked once more."""


def find(
    database: duckdb.DuckDBPyConnection,
    room: Path,
    changes: Changes,
    look: Look,
    *,
    anew: bool = True,
) -> bool:
    """Writes ROOM/found.parquet, sorted as it is grouped, and makes it the view `found`.

    Args:
        database: with the view `known`: what was found last time.
        room: private folder.
        changes: what the archive lists.
        look: how new objects are looked into.
        anew: write the file in any case.

    Returns:
        Whether it was written: anew, or because something is new, changed or gone. If not, `found`
        is `known`.

    Raises:
        SetupError: the archive cannot be listed, or no longer answers.
    """
    write(room / "listing.parquet", LISTING, _listed(told(changes.objects, "objects listed")))
    view(database, "listing", room / "listing.parquet")
    unknown = NEW if changes.whole else f"({NEW}) UNION ALL BY NAME ({REFUSED})"
    listed, new = (count(database, sql) for sql in ("FROM listing", unknown))
    log.info("%s objects listed, %s of them new or changed", f"{listed:,}", f"{new:,}")
    if unnamed := count(database, NOT_NAMED):
        fate = "gone" if changes.whole else "not among what is listed now, and stay"
        log.info("%s files known before are %s", f"{unnamed:,}", fate)
    stay = [STILL_THERE] if changes.whole else [STILL_THERE, NOT_NAMED]
    same = not new and sum(count(database, sql) for sql in stay) == count(database, "FROM known")
    if same and not anew:
        database.sql("FROM known").create_view("found")
        return False
    objects = (StoredObject(**row) for row in rows_of(database, unknown))
    looked = told(look(objects), "new objects looked into", new)
    write(room / "fresh.parquet", FOUND, _tables(looked))
    view(database, "fresh", room / "fresh.parquet")
    copy_to(
        database,
        " UNION ALL ".join(f"({part})" for part in [*stay, "FROM fresh"])
        + " ORDER BY place, series_uid, path, member",
        room / "found.parquet",
    )
    view(database, "found", room / "found.parquet")
    return True


def _listed(objects: Iterable[StoredObject]) -> Iterator[pa.Table]:
    for some in batches(objects, ROWS):
        columns = zip(*(astuple(one) for one in some), strict=True)
        yield pa.table([list(column) for column in columns], schema=LISTING)


def _tables(looked: Iterable[list[Found]]) -> Iterator[pa.Table]:
    for some in batches((found for each in looked for found in each), ROWS):
        yield to_table(some)
