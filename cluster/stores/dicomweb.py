"""A PACS as an archive, over DICOMweb: QIDO-RS to list, WADO-RS to read.

A series is one object. To its readers it is a zip: of headers alone for `open`, of the stored files
for `get`; in both every image is there that the PACS says the series has, and none else, or there
is a SeriesError.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import BinaryIO, Final

import requests

from cluster.stores.contract import Changes, StoredObject
from cluster.stores.faults import reason
from cluster.stores.pacs.address import Address, Filters, address_of, warn_of_clear_text
from cluster.stores.pacs.connection import Connection, NotDicomwebError, pieces
from cluster.stores.pacs.header_file import header_file
from cluster.stores.pacs.identity import uids_of
from cluster.stores.pacs.listed import listed_series
from cluster.stores.pacs.multipart import boundary_of, parts_of
from cluster.stores.pacs.search import SOP_UID, found, is_uid, text
from segment_actor.errors import FailureCode, SeriesError, SetupError

AS_STORED: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""Without transfer-syntax a PACS converts what is compressed, and some break on it."""

LATE_DAYS: Final = 30
"""Before the last listing, for which the next one asks again: images and reconstructions that reach
a study later. 30 days of 200 series a day are 6,000 rows, twelve requests."""

MAX_SERIES_BYTES: Final = 4 * 2**30
"""Twice the largest CT that is read."""

_REMEDY: Final = (
    "Run again with --retry-failed; if it stays, ask who runs the PACS to look at this series."
)

HEADERS_KEPT: Final = 16
"""Zips of headers of the last series, so that `start` and then `open` ask once."""


@dataclass(frozen=True)
class DicomWebArchive:
    """The CT series of a PACS that a search finds.

    What changed comes from StudyDate, as DICOMweb has nothing better. Orthanc's own list of changes
    (/changes) would be exact, but is no DICOMweb: it is one product's, its numbers start again when
    its database is made anew, and who may ask for it may delete everything.

    Credentials: `cluster.stores.pacs.credentials`.

    Attributes:
        uri: dicomweb+https://host/path, with filters of QIDO-RS behind a '?'. Modality is CT unless
            they say otherwise.
        timeout_s: to connect, and to wait for the next bytes: 120 s, as a PACS may fetch old
            studies from slower disks first.
        pauses_s: before each further try of a request.
    """

    uri: str
    timeout_s: tuple[float, float] = (10.0, 120.0)
    pauses_s: tuple[float, ...] = (1.0, 5.0)

    def __post_init__(self) -> None:
        warn_of_clear_text(self._address)

    @cached_property
    def _address(self) -> Address:
        return address_of(self.uri)

    @cached_property
    def _connection(self) -> Connection:
        return Connection(self._address, self.timeout_s, self.pauses_s)

    def check(self) -> None:
        """See Archive."""
        self._connection.check()

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Archive; in the order of the PACS.

        Sizes are estimates, half a MiB an image: a PACS does not tell them.
        """
        return (one for one in self._listed(self._address.filters) if one.path.startswith(prefix))

    def changes(self, token: str | None) -> Changes:
        """See Archive; series of studies of the 30 days before the last listing, and later ones.

        The token is the day on which a listing began, and of which address: another address is
        listed from its beginning. Never whole: what left the PACS, or the dates of the address,
        stays known, and is VANISHED when it is read. A study that is older than 30 days when it
        reaches the PACS (from a CD, from another hospital) is found without a token alone.
        """
        of_address = hashlib.sha256(self.uri.encode()).hexdigest()[:16]
        filters: Filters | None = self._address.filters
        day, _, address = (token or "").partition(" ")
        if address == of_address:
            first = datetime.strptime(day, "%Y%m%d").date() - timedelta(LATE_DAYS)
            filters = _from_day(self._address.filters, f"{first:%Y%m%d}")
        series = iter(()) if filters is None else self._listed(filters)
        return Changes(series, token=f"{date.today():%Y%m%d} {of_address}", whole=False)

    def get(self, path: str) -> bytes:
        """See Archive; a zip of the files as they are stored.

        Raises:
            SeriesError: VANISHED, UNREADABLE_FILE, TOO_LARGE, or INCOMPLETE_ANSWER: images are
                missing, foreign or there twice.
            SetupError: the PACS no longer answers.
        """
        with self._of_one_series():
            images = self._images(path)
            return self._connection.ask(
                path, lambda answer: _zipped(_files(answer), path, images), accept=AS_STORED
            )

    def start(self, path: str, n_bytes: int) -> bytes:
        """See Archive; of what `open` gives."""
        return self._headers(path)[:n_bytes]

    def open(self, path: str) -> BinaryIO:
        """See Archive; a zip of headers, in explicit little endian, from WADO-RS metadata."""
        return io.BytesIO(self._headers(path))

    @cached_property
    def _headers(self) -> Callable[[str], bytes]:
        return lru_cache(HEADERS_KEPT)(self._fetch_headers)

    def _fetch_headers(self, path: str) -> bytes:
        with self._of_one_series():
            images = self._images(path)
            headers = self._connection.json(f"{path}/metadata")
            return _zipped(map(header_file, headers), path, images)

    def _listed(self, filters: Filters) -> Iterator[StoredObject]:
        self.__dict__.pop("_headers", None)  # a series may have grown
        try:
            yield from listed_series(self._connection, filters)
        except OSError as error:
            self.check()  # which says more of a PACS that is gone or refuses us
            raise SetupError(f"{self._address.shown} cannot be listed: {reason(error)}.") from None

    def _images(self, path: str) -> frozenset[str]:
        """SOP Instance UIDs of a series.

        Raises:
            FileNotFoundError: there is no such series, or no image in it.
        """
        parts = path.split("/")
        if parts[::2] != ["studies", "series"] or not all(map(is_uid, parts[1::2])):
            raise FileNotFoundError
        rows = found(self._connection, f"{path}/instances", (), SOP_UID)
        images = frozenset(text(row, SOP_UID) for row in rows)
        if not images:
            raise FileNotFoundError
        return images

    @contextmanager
    def _of_one_series(self) -> Iterator[None]:
        """Around requests for one series; that the PACS as a whole is gone is found by asking it.

        Raises:
            SeriesError, SetupError: as `get`.
        """
        try:
            yield
        except FileNotFoundError:
            self.check()
            raise SeriesError(
                FailureCode.VANISHED,
                "The PACS listed this series but no longer has it; it was deleted or moved.",
            ) from None
        except PermissionError:
            self.check()
            raise SeriesError(
                FailureCode.UNREADABLE_FILE,
                "The PACS refuses to hand out this series to this user; ask for the right to read "
                "it.",
            ) from None
        except OSError as error:
            self.check()
            raise SeriesError(
                FailureCode.INCOMPLETE_ANSWER,
                f"The PACS did not hand out this series: {reason(error)}. {_REMEDY}",
            ) from None


def _from_day(filters: Filters, first: str) -> Filters | None:
    """Filters for studies of a day (YYYYMMDD) and later ones; None if they let through none."""
    dates = dict(filters).get("StudyDate", "-")
    start, between, end = dates.partition("-")
    first, last = max(first, start), end if between else start
    if last and last < first:
        return None
    others = tuple(one for one in filters if one[0] != "StudyDate")
    return (*others, ("StudyDate", f"{first}-{last}"))


def _files(answer: requests.Response) -> Iterator[bytes]:
    """The files of an answer of WADO-RS.

    Raises:
        NotDicomwebError: it holds something else than files.
    """
    return parts_of(_bounded(pieces(answer)), boundary_of(answer.headers.get("Content-Type", "")))


def _bounded(body: Iterable[bytes]) -> Iterator[bytes]:
    """The same pieces.

    Raises:
        SeriesError: TOO_LARGE, before more is held.
    """
    n_bytes = 0
    for piece in body:
        n_bytes += len(piece)
        if n_bytes > MAX_SERIES_BYTES:
            raise SeriesError(
                FailureCode.TOO_LARGE,
                f"The PACS sends over {MAX_SERIES_BYTES / 2**30:.0f} GiB for this series, more "
                "than any CT has.",
            )
        yield piece


def _zipped(files: Iterable[bytes], path: str, images: frozenset[str]) -> bytes:
    """A zip of the files, uncompressed, named by their SOP Instance UIDs.

    Args:
        files: of DICOM.
        path: of the series they must belong to.
        images: SOP Instance UIDs that must be there.

    Raises:
        SeriesError: INCOMPLETE_ANSWER.
        NotDicomwebError: one is no DICOM file.
    """
    series = path.rpartition("/")[2]
    missing = set(images)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as zipped:
        for file in files:
            uids = uids_of(file)
            if uids is None:
                raise NotDicomwebError("it sends a part that is no DICOM file")
            if uids.series != series:
                raise _incomplete("an image of another series as one")
            if uids.image not in images:
                raise _incomplete("an image that it does not list as one")
            if uids.image not in missing:
                raise _incomplete("an image twice")
            missing.remove(uids.image)
            zipped.writestr(zipfile.ZipInfo(f"{uids.image}.dcm"), file)
    if missing:
        raise _incomplete(f"{len(images) - len(missing):,} of {len(images):,} images")
    return held.getvalue()


def _incomplete(sent: str) -> SeriesError:
    return SeriesError(
        FailureCode.INCOMPLETE_ANSWER,
        f"The PACS sent {sent} of this series. {_REMEDY}",
    )
