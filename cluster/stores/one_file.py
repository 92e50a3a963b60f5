"""One file by its URI: a list of ages, a label map."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from cluster.stores.faults import TRANSPORT_ERRORS, reason
from segment_actor.errors import SetupError

_OWNER_ONLY = 0o600


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
        private: a local file can be read by its owner alone; in a bucket its policy decides.

    Raises:
        SetupError: it cannot be written.
    """
    try:
        if private:
            _keep_to_owner(uri)
        with fsspec.open(uri, "wb", auto_mkdir=True) as stream:
            stream.write(data)
    except TRANSPORT_ERRORS as error:
        raise SetupError(f"Cannot write {uri}: {reason(error)}.") from error


def _keep_to_owner(uri: str) -> None:
    """A local file is there for its owner alone before it has content; it may have been there."""
    store, path = fsspec.url_to_fs(uri)
    if not isinstance(store, LocalFileSystem):
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, _OWNER_ONLY)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # no device
            os.fchmod(descriptor, _OWNER_ONLY)
    finally:
        os.close(descriptor)
