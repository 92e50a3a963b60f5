"""What goes wrong while a stream is read has the words of the contract too."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from cluster.stores.faults import checked_stream, checking, reason
from cluster.stores.files import FolderArchive
from segment_actor.errors import FailureCode, SeriesError, SetupError


class BreakingStream(io.BytesIO):
    """Ends in an error at the first read."""

    def __init__(self, error: Exception) -> None:
        super().__init__(b"content")
        self.error = error

    def read(self, _size: int | None = -1, /) -> bytes:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileNotFoundError(), FailureCode.VANISHED),
        (OSError(errno.ESTALE, "Stale file handle"), FailureCode.VANISHED),
        (PermissionError(), FailureCode.UNREADABLE_FILE),
        (OSError(errno.EIO, "Input/output error"), FailureCode.UNREADABLE_FILE),
        (OSError(errno.EUCLEAN, "Structure needs cleaning"), FailureCode.UNREADABLE_FILE),
    ],
)
def test_an_object_lost_while_it_is_read_is_the_failure_of_its_series(
    tmp_path: Path, error: Exception, code: FailureCode
) -> None:
    stream = checked_stream(BreakingStream(error), FolderArchive(str(tmp_path)))
    with pytest.raises(SeriesError) as caught:
        stream.read(1)
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ETIMEDOUT, "Connection timed out"), "no longer answers: Connection timed"),
        (EndpointConnectionError(endpoint_url="http://x"), "no longer answers: Could not connect"),
    ],
)
def test_an_archive_lost_while_it_is_read_stops_the_run(
    tmp_path: Path, error: Exception, words: str
) -> None:
    stream = checked_stream(BreakingStream(error), FolderArchive(str(tmp_path)))
    with pytest.raises(SetupError, match=words):
        stream.read(1)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EIO, errno.EACCES, errno.ESTALE])
def test_what_looks_like_a_fault_of_one_object_stops_the_run_if_the_archive_is_gone(
    tmp_path: Path, number: int
) -> None:
    stream = checked_stream(BreakingStream(OSError(number, "")), FolderArchive(f"{tmp_path}/gone"))
    with pytest.raises(SetupError, match="does not exist"):
        stream.read(1)


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(
            endpoint_url="https://store.example.org:8333/cts/M%C3%BCller/1.dcm"
        ),
        ReadTimeoutError(endpoint_url="https://store.example.org:8333/cts?prefix=M%C3%BCller"),
        FileNotFoundError(errno.ENOENT, "No such file", "/cts/M%C3%BCller/1.dcm"),
    ],
)
def test_a_cause_names_the_server_and_no_object(error: Exception) -> None:
    assert "ller" not in reason(error)
    assert "8333" in reason(error) or reason(error) == "No such file"


def test_a_closed_stream_closes_what_is_behind_it(tmp_path: Path) -> None:
    behind = BreakingStream(OSError())
    with checked_stream(behind, FolderArchive(str(tmp_path))):
        pass
    assert behind.closed


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("/data/cts", "/data/cts may not be read by this user. Check its permissions."),
        (
            "s3://cts",
            "s3://cts refuses these credentials. Check AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY.",
        ),
    ],
)
def test_who_may_not_read_is_told_what_to_check(uri: str, sentence: str) -> None:
    with pytest.raises(SetupError) as caught, checking(uri):
        raise PermissionError
    assert str(caught.value) == sentence
