"""A front for a PACS that keeps a list of its requests, and lets a test act before one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

import requests

from tests.support.orthanc import Orthanc
from tests.support.servers import serving

_NOT_PASSED_ON = ("connection", "content-length", "host", "keep-alive", "transfer-encoding")


@dataclass
class PacsFront:
    """A PACS behind another address, which stays the same when the PACS is started again.

    Attributes:
        behind: the PACS.
        url: of the front.
        asked: paths of the GET requests since the last `clear`.
        before: called with the path of each request before it is passed on.
    """

    behind: Orthanc
    url: str = ""
    asked: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None

    @property
    def uri(self) -> str:
        """As an archive of ours."""
        return f"dicomweb+{self.url}/dicom-web"

    def of_series(self) -> dict[str, Counter[str]]:
        """By UID of a series what was asked for of it: instances, metadata, or images."""
        counts: dict[str, Counter[str]] = {}
        for path in self.asked:
            steps = path.strip("/").split("/")
            if len(steps) > 4 and steps[3] == "series":  # dicom-web/studies/UID/series/UID
                what = steps[5] if len(steps) > 5 else "images"
                counts.setdefault(steps[4], Counter())[what] += 1
        return counts


@contextmanager
def front_of(orthanc: Orthanc) -> Iterator[PacsFront]:
    """A front that ends with the block."""
    made = PacsFront(orthanc)
    with serving(lambda handler: _pass_on(handler, made)) as made.url:
        yield made


def _pass_on(handler: BaseHTTPRequestHandler, front: PacsFront) -> None:
    body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    path = urlsplit(handler.path).path
    if handler.command == "GET":
        front.asked.append(path)
    front.before(path)
    headers = {k: v for k, v in handler.headers.items() if k.lower() not in _NOT_PASSED_ON}
    try:
        answer = requests.request(
            handler.command,
            f"{front.behind.url}{handler.path}",
            headers=headers,
            data=body or None,
            timeout=60,
        )
    except requests.ConnectionError:  # the PACS is gone: hang up, as it would
        return
    handler.send_response(answer.status_code)
    for name, value in answer.headers.items():
        if name.lower() not in _NOT_PASSED_ON:
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(answer.content)))
    handler.end_headers()
    try:
        handler.wfile.write(answer.content)
    except OSError:  # who asked is gone
        handler.close_connection = True
