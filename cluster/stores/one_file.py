"""One file by its URI: a manifest, a list of ages, a label map."""

from __future__ import annotations

from typing import cast

import fsspec

from cluster.stores.faults import TRANSPORT_ERRORS, reason
from segment_actor.errors import SetupError


def read_bytes(uri: str) -> bytes:
    """One file named by a full URI or path (a manifest, a list of ages).

    Raises:
        SetupError: it cannot be read.
    """
    try:
        with fsspec.open(uri, "rb") as stream:
            return cast("bytes", stream.read())
    except TRANSPORT_ERRORS as error:
        raise SetupError(f"Cannot read {uri}: {reason(error)}.") from error


def write_bytes(uri: str, data: bytes) -> None:
    """Write one file; folders on the way are made.

    Raises:
        SetupError: it cannot be written.
    """
    try:
        with fsspec.open(uri, "wb", auto_mkdir=True) as stream:
            stream.write(data)
    except TRANSPORT_ERRORS as error:
        raise SetupError(f"Cannot write {uri}: {reason(error)}.") from error
