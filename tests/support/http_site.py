"""An HTTP server on the loopback address that drops connections when told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.servers import serving


@dataclass
class Site:
    """What the server answers, and what it was asked.

    Attributes:
        content: of every file.
        url: of the server.
        breaks_after: bytes sent before each connection is dropped; None sends all.
        etag: of the content.
        ranges: headers Range that came, "" where none did.
        paths: that were asked for.
        status: instead of an answer, if set.
    """

    content: bytes
    url: str = ""
    breaks_after: int | None = None
    etag: str = '"one"'
    ranges: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 0


@contextmanager
def running_site(content: bytes) -> Iterator[Site]:
    """Serves content at every path."""
    made = Site(content)
    with serving(lambda handler: _answer(handler, made)) as made.url:
        yield made


def _answer(handler: BaseHTTPRequestHandler, site: Site) -> None:
    """One GET, as RFC 9110 has it for Range and If-Range."""
    wanted = handler.headers.get("Range", "")
    site.ranges.append(wanted)
    site.paths.append(handler.path)
    if site.status:
        handler.send_error(site.status)
        return
    same = handler.headers.get("If-Range") == site.etag
    first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and same else 0
    handler.send_response(206 if first else 200)
    if first:
        end = len(site.content)
        handler.send_header("Content-Range", f"bytes {first}-{end - 1}/{end}")
    handler.send_header("Content-Length", str(len(site.content) - first))
    handler.send_header("ETag", site.etag)
    handler.end_headers()
    rest = site.content[first:]
    handler.wfile.write(rest if site.breaks_after is None else rest[: site.breaks_after])
