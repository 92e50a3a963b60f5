"""A PACS of the tests that behaves, except where a test tells it how not to."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydicom.dataset import Dataset

from tests.support.ct_files import dicom, dicom_slices, made_hu
from tests.support.servers import serving

BOUNDARY = "a boundary:1"
"""With a blank and a colon, so that it must stand in quotes (RFC 2046)."""

DICOM_JSON = "application/dicom+json"


@dataclass(frozen=True)
class Request:
    """One that came.

    Attributes:
        kind: check, series, studies, of_study, instances, metadata, wado or store.
        query: its parameters.
        authorization: its header, "" without.
        accept: its header.
        body: what it sent.
    """

    kind: str
    query: dict[str, str]
    authorization: str
    accept: str
    body: bytes


UID_ROOT = "1.2.826.0.1"
"""Begins every UID of the series."""

Answer = Callable[[BaseHTTPRequestHandler, Request], None]


@dataclass
class OddPacs:
    """One series of some slices.

    Attributes:
        slices: of the series.
        url: of the server.
        answers: by kind of request, instead of the right answer; a list is used up one by one.
        requests: that came.
    """

    slices: list[Dataset]
    url: str = ""
    answers: dict[str, Answer | list[Answer | None]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    @property
    def uri(self) -> str:
        """As an archive of ours."""
        return f"dicomweb+{self.url}/rs"

    @property
    def path(self) -> str:
        """Of the series in the archive."""
        first = self.slices[0]
        return f"studies/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}"

    @property
    def files(self) -> list[bytes]:
        """As they are stored."""
        return [dicom(slice_) for slice_ in self.slices]

    def kinds(self) -> list[str]:
        """Of the requests, in their order."""
        return [request.kind for request in self.requests]

    def series_row(self, number: int | None = None, n_images: int | None = 0) -> dict[str, Any]:
        """What a search says of the series.

        Args:
            number: makes another series of it.
            n_images: that it says to have; 0 for as many as it has, None to be silent.
        """
        of_first = self.slices[0]
        row = Dataset()
        row.StudyInstanceUID, row.Modality = of_first.StudyInstanceUID, "CT"
        row.SeriesInstanceUID = of_first.SeriesInstanceUID
        if number is not None:
            row.SeriesInstanceUID = f"1.2.{number}"
        if n_images is not None:
            row.NumberOfSeriesRelatedInstances = n_images or len(self.slices)
        return row.to_json_dict()


def send(
    handler: BaseHTTPRequestHandler,
    body: bytes,
    content_type: str = DICOM_JSON,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> None:
    """One whole answer."""
    handler.send_response(status)
    for name, value in {"Content-Type": content_type, **(headers or {})}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def send_json(handler: BaseHTTPRequestHandler, rows: object, status: int = 200) -> None:
    """One answer of a search."""
    send(handler, json.dumps(rows).encode(), status=status)


def send_parts(handler: BaseHTTPRequestHandler, files: Iterable[bytes]) -> None:
    """The files, as WADO-RS has them."""
    send(handler, multipart(files), CONTENT_TYPE)


CONTENT_TYPE = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'


def error(status: int) -> Answer:
    """An error whose text has a UID in it."""
    return lambda handler, _: send(handler, b"sorry, 1.2.826.0.1", "text/plain", status)


def web_page(handler: BaseHTTPRequestHandler, _: Request) -> None:
    """Of a portal that wants a login first."""
    send(handler, b"<html>Please log in, 1.2.826.0.1</html>", "text/html")


def multipart(files: Iterable[bytes], *, ended: bool = True) -> bytes:
    """A body, without its end if it shall look cut off."""
    mark = f"--{BOUNDARY}".encode()
    head = mark + b"\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + file + b"\r\n" for file in files) + (mark + b"--\r\n" if ended else b"")


@contextmanager
def running_odd_pacs(n_slices: int = 4) -> Iterator[OddPacs]:
    """A series, and a server for it that ends with the block."""
    made = OddPacs(dicom_slices(made_hu((8, 8, n_slices))))
    with serving(lambda handler: _answer(handler, made)) as made.url:
        yield made


def _answer(handler: BaseHTTPRequestHandler, pacs: OddPacs) -> None:
    parts = urlsplit(handler.path)
    body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    request = Request(
        _kind(handler.command, parts.path, parts.query),
        dict(parse_qsl(parts.query, keep_blank_values=True)),
        handler.headers.get("Authorization", ""),
        handler.headers.get("Accept", ""),
        body,
    )
    pacs.requests.append(request)
    told = pacs.answers.get(request.kind)
    if isinstance(told, list):
        told = told.pop(0) if told else None
    if told is not None:
        told(handler, request)
    else:
        _right_answer(handler, request, pacs)


def _kind(method: str, path: str, query: str) -> str:
    if method == "POST":
        return "store"
    steps = path.strip("/").split("/")[1:]
    if steps == ["studies"] and "19000101" in query:
        return "check"
    if len(steps) == 3:
        return "of_study"
    return "wado" if len(steps) == 4 else steps[-1]


def _right_answer(handler: BaseHTTPRequestHandler, request: Request, pacs: OddPacs) -> None:
    if request.kind == "wado":
        send_parts(handler, pacs.files)
    elif request.kind == "metadata":
        send_json(handler, [header_json(one) for one in pacs.slices])
    elif request.kind in ("check", "store"):
        send_json(handler, [])
    else:
        rows = {
            "series": [pacs.series_row()],
            "of_study": [pacs.series_row()],
            "studies": [pacs.series_row()],
            "instances": [one.to_json_dict() for one in map(_uids, pacs.slices)],
        }[request.kind]
        send_json(handler, rows[int(request.query.get("offset", 0)) :])


def content_of(zipped: bytes) -> list[bytes]:
    """The files in a zip, sorted."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as opened:
        return sorted(opened.read(name) for name in opened.namelist())


def header_json(slice_: Dataset) -> dict[str, Any]:
    """A header as a PACS gives it: the pixels are kept apart."""
    return slice_.to_json_dict(bulk_data_threshold=1024, bulk_data_element_handler=lambda _: "uri")


def _uids(slice_: Dataset) -> Dataset:
    uids = Dataset()
    uids.SOPInstanceUID = slice_.SOPInstanceUID
    return uids
