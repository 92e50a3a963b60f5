"""Where results in DICOM go: a folder, a bucket, or a PACS; sent again, they replace themselves."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

import requests

from cluster.stores.faults import reason
from cluster.stores.one_file import write_bytes
from cluster.stores.opening import open_store
from cluster.stores.pacs.address import SCHEMES, address_of, warn_of_clear_text
from cluster.stores.pacs.connection import Connection, Json, body_of, parsed
from cluster.stores.pacs.identity import uids_of
from cluster.stores.pacs.multipart import joined
from cluster.stores.pacs.search import text
from segment_actor.errors import FailureCode, SeriesError, SetupError

_STORED: Final = "00081199"  # Referenced SOP Sequence
_FAILED: Final = "00081198"  # Failed SOP Sequence
_STORED_UID: Final = "00081155"
_REASON: Final = "00081197"

_REASONS: Final = {
    "272": "it could not process it",
    "290": "it does not take this kind of object",
    "42752": "it has no room left",
}
"""PS3.18, table I.2.2: 0110, 0122 and A700, as decimal numbers."""


class DicomSink(Protocol):
    """Takes DICOM files; a file whose SOP Instance UID was there before replaces it."""

    @property
    def uri(self) -> str:
        """As given by the user."""
        ...

    def check(self) -> None:
        """Asks for one answer, before any work is done.

        Raises:
            SetupError: there is nobody, or he refuses the credentials.
        """
        ...

    def store(self, files: Iterable[bytes]) -> None:
        """Keeps all files, or says that it does not.

        Raises:
            SeriesError: INCOMPLETE_ANSWER: one of the files was refused; those before it are kept.
            SetupError: nothing can be stored at all.
        """
        ...


def open_sink(uri: str) -> DicomSink:
    """The sink at a URI: a folder, s3://bucket/prefix, or dicomweb+https://host/path.

    Raises:
        SetupError: it does not answer or refuses the credentials.
    """
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if scheme in SCHEMES:
        sink: DicomSink = PacsSink(uri)
    elif scheme in ("", "file", "s3"):
        sink = FileSink(uri.rstrip("/"))
    else:
        raise SetupError(f"{uri}: only folders, s3:// and dicomweb+https:// take DICOM results.")
    sink.check()
    return sink


@dataclass(frozen=True)
class FileSink:
    """One file an image, named by its SOP Instance UID, for its owner alone.

    Attributes:
        uri: folder, or s3://bucket/prefix.
    """

    uri: str

    def check(self) -> None:
        """See DicomSink; a folder is made."""
        if not self.uri.startswith("s3://"):
            try:
                Path(self.uri.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SetupError(f"Cannot make the folder {self.uri}: {reason(error)}.") from error
        open_store(self.uri)

    def store(self, files: Iterable[bytes]) -> None:
        """See DicomSink."""
        for uid, file in _identified(files):
            try:
                write_bytes(f"{self.uri}/{uid}.dcm", file, private=True)
            except SetupError as error:  # whose sentence names the file
                cause = reason(error.__cause__ or error)
                raise SetupError(f"Cannot write DICOM results to {self.uri}: {cause}.") from None


@dataclass(frozen=True)
class PacsSink:
    """A PACS that takes results over STOW-RS, one a request.

    What it answers is not believed before it names the file as stored: some PACS say 200 and keep
    nothing. Whether a file that is sent again replaces the first is the PACS' own setting (Orthanc:
    OverwriteInstances); there are never two.

    Attributes:
        uri: dicomweb+https://host/path.
        timeout_s, pauses_s: as those of DicomWebArchive.
    """

    uri: str
    timeout_s: tuple[float, float] = (10.0, 120.0)
    pauses_s: tuple[float, ...] = (1.0, 5.0)

    def __post_init__(self) -> None:
        warn_of_clear_text(address_of(self.uri))

    @cached_property
    def _connection(self) -> Connection:
        return Connection(address_of(self.uri), self.timeout_s, self.pauses_s)

    def check(self) -> None:
        """See DicomSink."""
        self._connection.check()

    def store(self, files: Iterable[bytes]) -> None:
        """See DicomSink."""
        here = self._connection.address.shown
        for uid, file in _identified(files):
            try:
                stored, why_not = self._send(file)
            except (FileNotFoundError, PermissionError):
                self.check()
                raise SetupError(
                    f"{here} does not let this user store: STOW-RS is switched off, or the user "
                    "may only read. Ask who runs the PACS."
                ) from None
            except OSError as error:
                self.check()
                raise SetupError(f"{here} cannot be stored to: {reason(error)}.") from None
            if uid not in stored:
                raise SeriesError(
                    FailureCode.INCOMPLETE_ANSWER,
                    f"The PACS did not keep a result of this series: {why_not}. Ask who runs the "
                    "PACS, or have the results written to a folder.",
                )

    def _send(self, file: bytes) -> tuple[frozenset[str], str]:
        """The UIDs that the PACS says it has stored, and why it has not stored the others."""
        boundary = secrets.token_hex(16)
        media_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
        body = joined([file], "application/dicom", boundary)
        return self._connection.ask("studies", _outcome, body=(media_type, body))


def _outcome(answer: requests.Response) -> tuple[frozenset[str], str]:
    report = parsed(body_of(answer))
    if isinstance(report, list) and len(report) == 1:  # some wrap it as they wrap a search
        report = report[0]
    stored = frozenset(text(item, _STORED_UID) for item in _items(report, _STORED))
    codes = [text(item, _REASON) for item in _items(report, _FAILED)]
    if not isinstance(report, dict):
        return stored, "it does not say what it has stored"
    if not codes:
        return stored, f"it answers {answer.status_code} but does not name it as stored"
    return stored, _REASONS.get(codes[0], f"it refused it with the code {codes[0] or 'unknown'}")


def _items(report: object, tag: str) -> list[Json]:
    element = report.get(tag) if isinstance(report, dict) else None
    items = element.get("Value") if isinstance(element, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _identified(files: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        uids = uids_of(file)
        if uids is None or not uids.image:
            raise SeriesError(
                FailureCode.UNEXPECTED,
                "A result is no DICOM file with a UID; please report it to the developers.",
            )
        yield uids.image, file
