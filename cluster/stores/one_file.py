"""One file by its URI: a list of ages, a label map."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from cluster.stores.faults import TRANSPORT_ERRORS, reason
from segment_actor.errors import SetupError


def read_bytes(uri: str) -> bytes:
    """One file named by a full URI or path (a list of ages).

    Raises:
        SetupError: it cannot be read.
    """
    try:
        with fsspec.open(uri, "rb") as stream:
            return cast("bytes", stream.read())
    except TRANSPORT_ERRORS as error:
        raise SetupError(f"Cannot read {uri}: {reason(error)}.") from error


def write_bytes(uri: str, data: bytes, *, private: bool = False) -> None:
    """Write one file; folders on the way are made.

    Args:
        uri: full URI or path.
        data: the content.
        private: a local file can be read by its owner alone, and is there whole or as it was; in a
            bucket its policy decides.

    Raises:
        SetupError: it cannot be written.
    """
    try:
        store, path = fsspec.url_to_fs(uri)
        if private and isinstance(store, LocalFileSystem):
            _write_private(Path(path), data)
            return
        with fsspec.open(uri, "wb", auto_mkdir=True) as stream:
            stream.write(data)
    except TRANSPORT_ERRORS as error:
        raise SetupError(f"Cannot write {uri}: {reason(error)}.") from error


def _write_private(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(prefix=".ctcohort-", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        Path(part).replace(file)
    finally:
        Path(part).unlink(missing_ok=True)
