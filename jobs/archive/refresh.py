"""The index of an archive as it is today: the one way from a URI to series."""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from cluster.session import connect
from cluster.stores.contract import Archive
from cluster.stores.one_file import read_bytes
from cluster.stores.opening import open_store, plain_uri
from cluster.stores.private_folder import PrivateFolder
from jobs.archive.demographics import DEMOGRAPHICS, Person, read_demographics
from jobs.archive.index import Index, update_index
from jobs.archive.keys import KeyMaker, key_maker
from jobs.archive.looking.on_ray import on_ray
from jobs.archive.looking.side_by_side import in_threads
from jobs.archive.site_secret import site_secret_source
from jobs.shared.code import CODE
from segment_actor.errors import FailureCode, SeriesError, SetupError

log = logging.getLogger(__name__)

NAME_HEX: Final = 16
"""Of the folder of an archive's index: no two archives of a site share it."""


def refreshed_index(
    archive_uri: str,
    folder: str | None = None,
    demographics: str | None = None,
    address: str | None = None,
    keys: KeyMaker | None = None,
    *,
    allow_open_cluster: bool = False,
) -> Index:
    """The index of an archive, brought up to date.

    Args:
        archive_uri: where the CTs lie.
        folder: of the index, None for one beside the site's secret.
        demographics: URI of a CSV; None takes demographics.csv of the archive if there is one.
        address: Ray cluster whose nodes look into new objects; None is that of RAY_ADDRESS, and
            without it threads of this process look.
        keys: makes the pseudonyms; None takes the site's secret.
        allow_open_cluster: join a Ray cluster that asks nobody for a token.

    Raises:
        SetupError: the archive does not answer or holds no series; the index cannot be kept there.
    """
    archive_uri = plain_uri(archive_uri)
    archive = open_store(archive_uri)
    keys = keys or key_maker(*site_secret_source())
    people = _people(archive, demographics)
    address = address or os.environ.get("RAY_ADDRESS")
    with ExitStack() as stack:
        if address:
            cluster = connect(address, CODE, allow_open_cluster=allow_open_cluster)
            stack.enter_context(cluster)
        look = on_ray(archive_uri) if address else in_threads(archive)
        kept = PrivateFolder(folder) if folder else _default_folder(archive_uri)
        return update_index(kept, archive, keys, look, people)


def _default_folder(archive_uri: str) -> PrivateFolder:
    """That of the site; where nothing can be kept there, one for this run."""
    kept = PrivateFolder(str(default_folder(archive_uri)))
    try:
        with kept.room():
            return kept
    except SetupError as error:
        log.warning("%s The index is made for this run alone; keep it with --index FOLDER.", error)
        made = mkdtemp(prefix="ctcohort-index-")
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        return PrivateFolder(made)


def default_folder(archive_uri: str) -> Path:
    """Where the index of an archive is kept if nobody says where: beside the site's secret."""
    _, secret = site_secret_source()
    name = hashlib.sha256(archive_uri.encode(errors="surrogatepass")).hexdigest()[:NAME_HEX]
    return secret.parent / "index" / name


def _people(archive: Archive, demographics: str | None) -> Mapping[str, Person]:
    if demographics is not None:
        return read_demographics(read_bytes(demographics), demographics)
    try:
        table = archive.get(DEMOGRAPHICS)
    except SeriesError as error:
        if error.code is FailureCode.VANISHED:
            return {}
        raise SetupError(f"{DEMOGRAPHICS} of the archive cannot be read.") from error
    return read_demographics(table, DEMOGRAPHICS)
