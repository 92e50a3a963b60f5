"""What a transport raises, turned into the errors of the contract: each sentence once."""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from botocore.exceptions import BotoCoreError

from cluster.stores.contract import Archive
from segment_actor.errors import FailureCode, SeriesError, SetupError

TRANSPORT_ERRORS = (OSError, BotoCoreError)
"""s3fs turns an answer of the server into an OSError; no answer at all is a BotoCoreError."""

_REQUEST = re.compile(r"(https?://[^/\s\"]*)[^\s\"]*")
"""A URL, whose path names an object, by its server alone."""

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ESTALE})
"""ESTALE: a network drive's file that was replaced while it was open."""

_LOCKED = frozenset({errno.EACCES, errno.EPERM})

_UNSPEAKABLE = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO})
"""A circle of links, a name that is too long, and a socket."""

_UNREADABLE = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN})
"""A sector or a block that cannot be read; a bucket's InternalError that comes again and again."""


@contextmanager
def checking(uri: str) -> Iterator[None]:
    """Around a request that tells whether the archive is there at all.

    Raises:
        SetupError: the folder or bucket is missing, or the store refuses or does not answer.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SetupError(f"{uri} does not exist (no such folder or bucket).") from error
    except PermissionError as error:
        raise SetupError(
            f"{uri} refuses these credentials. Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            if "://" in uri
            else f"{uri} may not be read by this user. Check its permissions."
        ) from error
    except TRANSPORT_ERRORS as error:
        raise SetupError(f"{uri} does not answer: {reason(error)}.") from error


@contextmanager
def listing(uri: str) -> Iterator[None]:
    """Around a listing.

    Raises:
        SetupError: the store cannot be listed.
    """
    try:
        yield
    except TRANSPORT_ERRORS as error:
        raise SetupError(f"{uri} cannot be listed: {reason(error)}.") from error


@contextmanager
def reading(archive: Archive) -> Iterator[None]:
    """Around the reading of one object.

    Raises:
        SeriesError: this object is gone (VANISHED) or refused (UNREADABLE_FILE).
        SetupError: the archive as a whole no longer answers.
    """
    try:
        yield
    except TRANSPORT_ERRORS as error:
        refusal = _refusal_of_one_object(error)
        if refusal is None:
            raise SetupError(f"{archive.uri} no longer answers: {reason(error)}.") from error
        archive.check()  # a folder or bucket that is gone has the same errors; that stops the run
        raise refusal from error


def _refusal_of_one_object(error: Exception) -> SeriesError | None:
    """What is said of the object, if an archive that is there can have such an error of one."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _GONE or isinstance(error, FileNotFoundError):
        return SeriesError(
            FailureCode.VANISHED,
            "The file was listed but is no longer there; it was moved or deleted meanwhile.",
        )
    if number in _LOCKED or isinstance(error, PermissionError):
        return SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The archive refuses to hand out this file; ask for read permission on it.",
        )
    if number in _UNSPEAKABLE:
        return SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The file system cannot open a file of this name. Give it a shorter name, or "
            "replace the link that stands for it.",
        )
    if number in _UNREADABLE:
        return SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The disk or the store cannot read this file (input/output error). Have the disk "
            "checked, and put the file there again from its source.",
        )
    return None


def checked_stream(stream: BinaryIO | io.BufferedIOBase, archive: Archive) -> BinaryIO:
    """A stream of the archive whose reads, too, raise what the contract says."""
    return cast("BinaryIO", _CheckedStream(stream, archive))


def reason(error: BaseException) -> str:
    """The cause in a few words, without the path that an OSError or a URL in it carries."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return (
            "its certificate is not trusted, set AWS_CA_BUNDLE to a file with the certificate of "
            "your hospital's CA"
        )
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    words = _REQUEST.sub(r"\1", words)
    return " ".join(words.split()).rstrip(".") or type(error).__name__


class _CheckedStream(io.BufferedIOBase):
    def __init__(self, stream: BinaryIO | io.BufferedIOBase, archive: Archive) -> None:
        self._stream = stream
        self._archive = archive

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def read(self, size: int | None = -1, /) -> bytes:
        with reading(self._archive):
            return self._stream.read(-1 if size is None else size)

    def close(self) -> None:
        self._stream.close()
        super().close()
