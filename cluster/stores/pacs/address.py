"""Where a PACS answers, and which of its studies are meant: what a URI of ours says."""

from __future__ import annotations

import ipaddress
import logging
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from segment_actor.errors import SetupError, shown

log = logging.getLogger(__name__)

SCHEMES: Final = ("dicomweb+https", "dicomweb+http")

PAGE_ROWS: Final = 500
"""Asked for at a time unless the address has a limit; some 500 kB of JSON."""

Filters = tuple[tuple[str, str], ...]
"""Names and values of a search, as QIDO-RS has them."""

_OF_PERSONS: Final = re.compile(
    r"patient|person|physician|operator|birth|accession|uid$|[0-9a-f]{8}", re.IGNORECASE
)
"""Names of a search that would put an identifier into the address; tags as numbers could be any."""

_DATES: Final = re.compile(r"\d{8}|\d{8}-(\d{8})?|-\d{8}")

_OURS: Final = ("offset", "includefield")


@dataclass(frozen=True, slots=True)
class Address:
    """A DICOMweb service and a choice of its series.

    Attributes:
        base: http(s)://host/path, without a '/' at the end.
        filters: of the search.
        page_rows: series asked for at a time.
    """

    base: str
    filters: Filters
    page_rows: int = PAGE_ROWS

    @property
    def shown(self) -> str:
        """For messages."""
        return f"dicomweb+{self.base}"


def address_of(uri: str) -> Address:
    """What dicomweb+https://host/path?StudyDate=20260101-20260131 means.

    Raises:
        SetupError: it has no host, a password, an identifier, or a filter that is not understood.
    """
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:  # a port that is no number, half a bracket
        raise _no_address() from None
    if "@" in parts.netloc:
        raise SetupError(
            "The address of the PACS has a user or a password in it, which would stand in logs. "
            "Take it out and set CTCOHORT_DICOMWEB_USER and CTCOHORT_DICOMWEB_PASSWORD."
        )
    if parts.scheme not in SCHEMES or not host:
        raise _no_address()
    base = f"{parts.scheme.removeprefix('dicomweb+')}://{parts.netloc}{parts.path.rstrip('/')}"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    for name, value in pairs:
        _check_filter(name, value)
    rows = dict(pairs).get("limit", str(PAGE_ROWS))
    if not rows.isdecimal() or not int(rows):
        raise SetupError("limit= of the address of the PACS is not a number of series above 0.")
    return Address(base, tuple(pair for pair in pairs if pair[0] != "limit"), int(rows))


def warn_of_clear_text(address: Address) -> None:
    """Says that others can read along, unless the PACS is on this machine."""
    if address.base.startswith("http://") and not _is_loopback(urlsplit(address.base).hostname):
        log.warning(
            "%s: names of patients and the password travel in clear over the network, for anybody "
            "on the way to read. Use dicomweb+https://.",
            address.shown,
        )


def _no_address() -> SetupError:
    return SetupError("A PACS is named as dicomweb+https://host/path, such as .../dicom-web.")


def _check_filter(name: str, value: str) -> None:
    if _OF_PERSONS.search(name):
        raise SetupError(
            f"The address of the PACS has a filter {shown(name)}: it would put an identifier into "
            "logs and lists of processes. Choose by StudyDate, StudyDescription and the like."
        )
    if name in _OURS:
        raise SetupError(f"The address of the PACS has {name}=, which is asked for by itself.")
    if name == "StudyDate" and not _DATES.fullmatch(value):
        raise SetupError(
            "StudyDate of the address of the PACS is written as 20260131, 20260101-20260131, "
            "20260101- or -20260131."
        )


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
