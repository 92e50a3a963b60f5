"""Requests to a PACS: with timeouts, tried again, and never quoted in an error or a log.

An address of a request has UIDs in it, and the errors of `requests` have the address: none of them
leaves this file.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from cluster.stores.faults import reason
from cluster.stores.pacs.address import Address, Filters
from cluster.stores.pacs.credentials import PASSWORD, TOKEN, USER, Credentials
from segment_actor.errors import SetupError

log = logging.getLogger(__name__)

JSON: Final = "application/dicom+json"

MAX_JSON_BYTES: Final = 512 * 2**20
"""One answer in JSON; the headers of 3,000 slices have 9 MB."""

CONNECTIONS: Final = 4
"""Requests of one process that a PACS gets at a time; further ones wait here."""

CHUNK_BYTES: Final = 2**20

_UNTRUSTED: Final = (
    "its certificate is not trusted, set REQUESTS_CA_BUNDLE to a file with the certificate of your "
    "hospital's CA"
)

_BUSY: Final = (408, 429, 500, 502, 503, 504)
_MOST_PATIENCE_S: Final = 60.0

Json = dict[str, object]
Taken = TypeVar("Taken")


class NoAnswerError(OSError):
    """The connection failed, or broke off, or the PACS is busy: worth another try.

    Args:
        words: what happened.
        wait_s: before which the PACS wants no other try.
    """

    def __init__(self, words: str, wait_s: float = 0.0) -> None:
        super().__init__(words)
        self.wait_s = wait_s


class StatusError(OSError):
    """The PACS answered with an error that another try does not mend."""


class NotDicomwebError(OSError):
    """The PACS answered, but with something else than was asked for."""


@dataclass(frozen=True)
class Connection:
    """The way to one PACS.

    Attributes:
        address: of it.
        timeout_s: to connect, and to wait for the next bytes.
        pauses_s: before each further try.
    """

    address: Address
    timeout_s: tuple[float, float]
    pauses_s: tuple[float, ...]

    def check(self) -> None:
        """Asks for the studies of a day that had none, which costs a PACS nothing.

        Raises:
            SetupError: there is no PACS, it refuses the credentials, or it does not answer.
        """
        here = self.address.shown
        try:
            self.json("studies", (("StudyDate", "19000101"), ("limit", "1")))
        except FileNotFoundError:
            raise SetupError(
                f"{here} does not exist: no DICOMweb answers there. Its address often ends in "
                "/dicom-web, /dicomweb or /rs."
            ) from None
        except PermissionError:
            raise SetupError(
                f"{here} refuses these credentials. Check {USER} and {PASSWORD} (or "
                f"{PASSWORD}_FILE), or {TOKEN} (or {TOKEN}_FILE)."
            ) from None
        except OSError as error:
            raise SetupError(f"{here} does not answer: {reason(error)}.") from None

    def json(self, path: str, params: Filters = ()) -> list[Json]:
        """The rows of a search, or the headers of a series.

        Raises:
            OSError: as `ask`; NotDicomwebError if it is no DICOM JSON.
        """
        return self.ask(path, rows_of, params=params)

    def ask(
        self,
        path: str,
        take: Callable[[requests.Response], Taken],
        *,
        accept: str = JSON,
        params: Filters = (),
        body: tuple[str, bytes] | None = None,
    ) -> Taken:
        """One request, tried again while there is no answer.

        Args:
            path: below the base of the address.
            take: makes something of the answer, and is called anew for each try. The body is a
                stream; OSErrors of this file are its way to say that the answer is no good. 409 is
                an answer: that is how a store says that it kept nothing (PS3.18, 10.5.3).
            accept: the type asked for.
            params: of the query.
            body: type and content of what is sent; None gets.

        Raises:
            FileNotFoundError: 404 or 410.
            PermissionError: 401 or 403.
            StatusError: another error.
            NoAnswerError: after the last try.
        """
        for pause_s in self.pauses_s:
            try:
                return self._once(path, take, accept, params, body)
            except NoAnswerError as error:
                log.warning("%s: %s; trying again", self.address.shown, reason(error))
                time.sleep(max(pause_s, error.wait_s))
        return self._once(path, take, accept, params, body)

    def _once(
        self,
        path: str,
        take: Callable[[requests.Response], Taken],
        accept: str,
        params: Filters,
        body: tuple[str, bytes] | None,
    ) -> Taken:
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        if body:
            headers["Content-Type"] = body[0]
        try:
            with self._session.request(
                "POST" if body else "GET",
                f"{self.address.base}/{path}",
                params=params,
                headers=headers,
                data=body[1] if body else None,
                auth=Credentials(),
                timeout=self.timeout_s,
                stream=True,
            ) as answer:
                _check_status(answer)
                return take(answer)
        except requests.exceptions.SSLError as error:
            raise OSError(_UNTRUSTED if "CERTIFICATE" in str(error) else "TLS fails") from None
        except requests.ConnectTimeout:
            raise NoAnswerError(f"no connection within {self.timeout_s[0]:g} s") from None
        except requests.Timeout:
            raise NoAnswerError(f"nothing came within {self.timeout_s[1]:g} s") from None
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            raise NoAnswerError("there is no connection, or it broke off") from None
        except requests.RequestException as error:
            raise OSError(f"the request fails ({type(error).__name__})") from None

    @cached_property
    def _session(self) -> requests.Session:
        """Follows the proxy variables, but takes no password out of ~/.netrc."""
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings quote addresses
        session = requests.Session()
        session.trust_env = False
        session.proxies.update(get_environ_proxies(self.address.base))
        session.verify = (
            os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("AWS_CA_BUNDLE") or True
        )
        session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS, pool_block=True))
        session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS, pool_block=True))
        if self.address.base.startswith("https://"):
            del session.adapters["http://"]  # nobody redirects us to where others read along
        return session


def pieces(answer: requests.Response) -> Iterator[bytes]:
    """The body of an answer as it comes."""
    return answer.iter_content(CHUNK_BYTES)


def body_of(answer: requests.Response, most_bytes: int = MAX_JSON_BYTES) -> bytes:
    """A whole body that is not large.

    Raises:
        NotDicomwebError: it is.
    """
    held = bytearray()
    for piece in pieces(answer):
        held += piece
        if len(held) > most_bytes:
            raise NotDicomwebError(f"it answers with more than {most_bytes / 2**20:.0f} MiB")
    return bytes(held)


def parsed(body: bytes) -> object:
    """A body in JSON, numbers as the text they are written as; None if it is something else."""
    try:
        return json.loads(body, parse_float=str, parse_int=str, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def rows_of(answer: requests.Response) -> list[Json]:
    """The rows of an answer in DICOM JSON; none for 204.

    Raises:
        NotDicomwebError: it is none.
    """
    if answer.status_code == requests.codes.no_content:
        return []
    rows = parsed(body_of(answer))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise NotDicomwebError(
            "it answers, but not in DICOM JSON; check that the path is that of its DICOMweb"
        )
    return rows


def _check_status(answer: requests.Response) -> None:
    status = answer.status_code
    if status in (401, 403, 407):
        raise PermissionError
    if status in (404, 410):
        raise FileNotFoundError
    if status in _BUSY:
        after = answer.headers.get("Retry-After", "")
        wait_s = min(float(after), _MOST_PATIENCE_S) if after.isdecimal() else 0.0
        raise NoAnswerError(f"it answers with error {status}", wait_s)
    if not answer.ok and status != requests.codes.conflict:
        raise StatusError(f"it answers with error {status}")
