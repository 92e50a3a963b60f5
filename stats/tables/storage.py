"""Where tables live: a local folder or s3://, and one clear sentence when that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
from deltalake.exceptions import CommitFailedError, DeltaError

from segment_actor.errors import SetupError

_UNFIT_SIGNS: Final = "*?[]\\%"
"""To DuckDB they mean several files; deltalake panics at [ and takes %20 for a space."""

StorageOptions = Mapping[str, str]
"""Options of the object store by the names of the AWS_* environment variables."""


class CommitConflict(SetupError):  # noqa: N818 - it says what happened, as the log does
    """Another job writes to the same tables; this one must stop, so that nothing is doubled."""


def table_uri(tables: str, name: str) -> str:
    """The address of one table below the address of all, absolute if it is a local folder.

    Raises:
        SetupError: the address is neither a local folder nor s3://, or has unfit signs.
    """
    if "://" in tables and not tables.startswith(("s3://", "file://")):
        raise _unusable(tables, "the address must be a local folder or begin with s3://")
    if any(sign in tables for sign in _UNFIT_SIGNS):
        raise _unusable(tables, f"its name may hold none of {' '.join(_UNFIT_SIGNS)}")
    if is_s3(tables):
        return f"{tables.rstrip('/')}/{name}"
    return str((Path(tables.removeprefix("file://")) / name).absolute())


def is_s3(uri: str) -> bool:
    """Whether the address is an object store's."""
    return uri.startswith("s3://")


def storage_options(tables: str, given: StorageOptions | None = None) -> dict[str, str]:
    """What deltalake needs beside the AWS_* variables, which it reads by itself.

    A store in the hospital often has a plain http:// address, which must be allowed explicitly,
    and no region, which must be named. Or it is https:// with a certificate of the hospital's own
    CA: of AWS_CA_BUNDLE deltalake knows nothing, it asks SSL_CERT_FILE whom to trust.
    """
    if not is_s3(tables):
        return {}
    if trusted := os.environ.get("AWS_CA_BUNDLE"):
        os.environ.setdefault("SSL_CERT_FILE", trusted)
    options = dict(given or {})
    endpoint = options.get("AWS_ENDPOINT_URL", os.environ.get("AWS_ENDPOINT_URL", ""))
    if endpoint.startswith("http://"):
        options.setdefault("AWS_ALLOW_HTTP", "true")
    if "AWS_REGION" not in os.environ and "AWS_DEFAULT_REGION" not in os.environ:
        options.setdefault("AWS_REGION", "us-east-1")
    return options


@contextmanager
def clear_sentences(tables: str) -> Iterator[None]:
    """Turns what deltalake and the store raise into a SetupError of one sentence.

    deltalake 1.6 gives OSError or DeltaError for all of it, or, while rows are read, what Arrow
    makes of them; only the text tells them apart.

    Raises:
        CommitConflict: someone else has committed meanwhile.
        SetupError: anything else that keeps the tables from being read or written.
    """
    try:
        yield
    except CommitFailedError as error:
        if cause := _cause(str(error)):
            raise _unusable(tables, cause) from error
        raise CommitConflict(
            f"another job is writing to the tables at {tables}; this one stopped and doubled "
            "nothing: let the other finish, then submit again"
        ) from error
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise _unusable(tables, _cause(str(error)) or _first_line(str(error))) from error


_CAUSES: Final = (
    (("NoSuchBucket",), "the bucket does not exist: create it or correct the address"),
    (
        ("SignatureDoesNotMatch", "InvalidAccessKeyId"),
        "the store does not accept the credentials: check AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY",
    ),
    (
        ("169.254.169.254",),  # where deltalake looks for a cloud machine's role as a last resort
        "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        ("AccessDenied", "necessary privileges", "403 Forbidden", "Permission denied"),
        "these credentials or this user may not do that here: ask for permission to read and write",
    ),
    (("No space left", "QuotaExceeded"), "the disk is full: make room, then submit again"),
    (
        ("UnknownIssuer", "invalid peer certificate", "CERTIFICATE_VERIFY_FAILED"),
        "the store's certificate is not trusted: set AWS_CA_BUNDLE to a file with the "
        "certificate of your hospital's CA",
    ),
    (
        ("error sending request", "dns error", "timed out"),
        "the store does not answer: check AWS_ENDPOINT_URL and the network",
    ),
    (("Not a directory", "NotADirectory"), "a part of the address is a file, not a folder"),
)


def _cause(detail: str) -> str | None:
    return next((cause for signs, cause in _CAUSES if any(s in detail for s in signs)), None)


def _first_line(detail: str) -> str:
    return next((line.strip() for line in detail.splitlines() if line.strip()), "no reason given")


def _unusable(tables: str, cause: str) -> SetupError:
    return SetupError(f"the tables at {tables} cannot be used: {cause}")
