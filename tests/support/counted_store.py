"""A front for a store that keeps a list of its requests, and fails some of them on demand."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.seaweed import Seaweed

LOOPBACK = "127.0.0.1"
CUT = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """A store, and what it was asked for since the start or since `forget`.

    Attributes:
        store: the same server behind another endpoint; `use` it as any other.
        log: where the front writes each request before it passes it on.
        trouble: where it reads what to fail.
    """

    store: Seaweed
    log: Path
    trouble: Path

    def requests(self, method: str, prefix: str = "") -> list[str]:
        """What was asked for, in the order of the requests.

        Args:
            method: GET, HEAD, PUT, POST or DELETE of an object; LIST for a page of a listing.
            prefix: of what is asked for: bucket/key, or bucket/prefix of a listing.
        """
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [asked for of, asked in lines if of == method and asked.startswith(prefix)]

    def forget(self) -> None:
        """Starts anew, without trouble."""
        self.log.write_text("")
        self.trouble.write_text("[]")

    def fail(self, prefix: str, status: int, times: int) -> None:
        """Fails the next requests.

        Args:
            prefix: of what they ask for, as in `requests`.
            status: of the answer; CUT for one that ends in the middle.
            times: how many of them.
        """
        self.trouble.write_text(json.dumps([prefix, status, times]))


@contextmanager
def counted(store: Seaweed, folder: Path) -> Iterator[Counted]:
    """A front for a running store, which ends with the block.

    Args:
        store: the server.
        folder: for the list.
    """
    front_of = Counted(store, folder / "requests.jsonl", folder / "trouble.json")
    front_of.forget()
    with ThreadingHTTPServer((LOOPBACK, 0), _Front) as front:
        front.daemon_threads = True
        _Front.counted, _Front.server_port = front_of, int(store.endpoint.rpartition(":")[2])
        # a process of its own: deltalake lets no other thread of this one run while it waits
        process = get_context("fork").Process(target=front.serve_forever)
        process.start()
        try:
            here = replace(store, endpoint=f"http://{LOOPBACK}:{front.server_port}")
            yield replace(front_of, store=here)
        finally:
            process.kill()
            process.join()


class _Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    counted: Counted
    server_port: int
    one_at_a_time = threading.Lock()

    def setup(self) -> None:
        super().setup()
        self.behind = http.client.HTTPConnection(LOOPBACK, self.server_port)

    def finish(self) -> None:
        self.behind.close()
        with suppress(OSError):  # the client hung up
            super().finish()

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        failed = self._noted()
        if failed:
            self.send_response_only(failed)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():  # with the Host that is signed
            if name.lower() != "expect":
                self.behind.putheader(name, value)
        self.behind.endheaders(body)
        answer = self.behind.getresponse()
        content = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length or 0))
        self.end_headers()
        if failed == CUT:
            content, self.close_connection = content[: len(content) // 2], True
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815

    def _noted(self) -> int | None:
        """Writes the request down; the status to fail it with, if any."""
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        what = unquote(url.path).removeprefix("/")
        line = [self.command, what]
        if self.command == "GET" and "list-type" in query:
            line = ["LIST", f"{what.rstrip('/')}/{query.get('prefix', [''])[0]}"]
        with self.one_at_a_time:
            with self.counted.log.open("a") as log:
                log.write(f"{json.dumps(line)}\n")
            prefix, status, times = json.loads(self.counted.trouble.read_text()) or ("", CUT, 0)
            if not times or not line[1].startswith(prefix):
                return None
            self.counted.fail(prefix, status, times - 1)
            return int(status)
