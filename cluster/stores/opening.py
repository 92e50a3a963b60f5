"""Which kinds of archive there are, and the one at a URI."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cluster.stores.contract import Archive
from cluster.stores.dicomweb import DicomWebArchive
from cluster.stores.files import FolderArchive
from cluster.stores.s3.archive import S3Archive
from segment_actor.errors import SetupError

SCHEMES: dict[str, Callable[[str], Archive]] = {
    "": FolderArchive,
    "file": FolderArchive,
    "s3": S3Archive,
    "dicomweb+https": DicomWebArchive,
    "dicomweb+http": DicomWebArchive,
}
"""What makes an archive of a URI, by what stands before its '://'; a path has nothing there."""


def plain_uri(uri: str) -> str:
    """One address for one place: a folder's from the root on, and no '/' at the end."""
    if "://" not in uri or uri.startswith("file://"):
        return os.path.abspath(Path(uri.removeprefix("file://")).expanduser())  # noqa: PTH100  # keeps links
    return uri.rstrip("/")


def open_store(uri: str) -> Archive:
    """The archive at a URI: a local folder, or s3://bucket/prefix.

    Raises:
        SetupError: it does not exist, refuses the credentials, or does not answer.
    """
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if scheme not in SCHEMES:
        *some, last = ["folders", *(f"{name}://" for name in SCHEMES if name not in ("", "file"))]
        raise SetupError(f"{uri}: only {', '.join(some)} and {last} are understood.")
    archive = SCHEMES[scheme](uri)
    archive.check()
    return archive
