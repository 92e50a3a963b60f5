"""Searches of a PACS (QIDO-RS), page by page, whatever a server makes of limit and offset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import requests

from cluster.stores.pacs.address import Filters
from cluster.stores.pacs.connection import Connection, Json, NotDicomwebError, rows_of

STUDY_UID: Final = "0020000D"
SERIES_UID: Final = "0020000E"
SOP_UID: Final = "00080018"
MODALITY: Final = "00080060"
PATIENT_ID: Final = "00100020"
STUDY_DATE: Final = "00080020"
N_IMAGES: Final = "00201209"
"""Number of Series Related Instances."""

_UID: Final = re.compile(r"\d[\d.]{0,63}")


def found(connection: Connection, path: str, filters: Filters, key: str) -> Iterator[Json]:
    """What a search finds, each once.

    Args:
        connection: to the PACS.
        path: such as "series".
        filters: of the search.
        key: tag of the UID that tells two rows apart.

    A server that ignores `limit` gives all in its first page; one that has a smaller limit of its
    own is asked on; one that ignores `offset` repeats itself, which ends the search.

    Raises:
        OSError: of the connection; NotDicomwebError if a server repeats a page that is full, or of
            which it says that there is more (Warning 299, PS3.18, 8.3.4.4): nobody can ask for it.
    """
    seen: set[str] = set()
    n_rows = 0
    limit = connection.address.page_rows
    while True:
        paging = (("limit", str(limit)), *((("offset", str(n_rows)),) if n_rows else ()))
        page, is_more = connection.ask(path, _page, params=(*filters, *paging))
        new = {uid: row for row in page if (uid := text(row, key)) not in seen}
        yield from new.values()
        seen.update(new)
        n_rows += len(page)
        if not new:
            if page and (is_more or len(page) == limit):
                raise NotDicomwebError(
                    f"it gives its first {len(page):,} answers again and again. Narrow the address "
                    "by StudyDate, or set a larger limit= in it"
                )
            return


def _page(answer: requests.Response) -> tuple[list[Json], bool]:
    """Its rows, and whether the server says that there are more."""
    return rows_of(answer), answer.headers.get("Warning", "").startswith("299")


def text(row: Json, tag: str) -> str:
    """The first value of an element as a text; "" if there is none or it is malformed."""
    element = row.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    value = values[0] if isinstance(values, list) and values else None
    return value.strip(" \0") if isinstance(value, str) else ""


def is_uid(value: str) -> bool:
    """Whether this can be part of an address: digits and dots, as PS3.5 has it."""
    return _UID.fullmatch(value) is not None
