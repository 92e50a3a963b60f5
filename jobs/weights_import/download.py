"""A large file over HTTP that goes on where it broke off.

Bytes go to `<target>.part`; `<target>.etag` says of which version they are. Only when all are there
is the file given its name. urllib of the standard library does it: it follows the proxy variables
and the machine's certificates, and needs no dependency for one GET.
"""

from __future__ import annotations

import http.client
import logging
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import cast

from segment_actor.errors import SetupError

log = logging.getLogger(__name__)

ATTEMPTS_WITHOUT_PROGRESS = 3
PAUSE_S = 1.0
TIMEOUT_S = 60.0
CHUNK_BYTES = 1024**2

BROKEN = (OSError, http.client.HTTPException)
"""A connection that ended early. URLError is an OSError."""


class _BrokenOffError(OSError):
    """Fewer bytes came than were announced."""


def download_file(url: str, target: Path, most_bytes: int, pause_s: float = PAUSE_S) -> None:
    """Fetches url into target, going on from what an earlier call left.

    Args:
        url: http:// or https://.
        target: file to make; its folder exists.
        most_bytes: a larger file is refused.
        pause_s: before trying again, after an attempt that brought nothing; then twice that.

    Raises:
        SetupError: not found, refused, too large, or broken off again and again. What came is kept
            for the next call.
    """
    part = target.with_name(f"{target.name}.part")
    idle = 0
    while True:
        before = _size(part)
        try:
            _go_on(url, part, target.with_name(f"{target.name}.etag"), most_bytes)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise SetupError(f"{url} answers {error.code} {error.reason}") from error
            if error.code < 500:
                part.unlink(missing_ok=True)
            cause = f"{error.code} {error.reason}"
        except BROKEN as error:
            cause = str(error) or type(error).__name__
        else:
            break
        idle = 0 if _size(part) > before else idle + 1
        if idle == ATTEMPTS_WITHOUT_PROGRESS:
            raise SetupError(
                f"{url} broke off after {_size(part):,} bytes ({cause}); they are kept: run the "
                "same command again and it goes on from there"
            )
        log.warning("broke off after %s bytes (%s); trying again", f"{_size(part):,}", cause)
        time.sleep(pause_s * idle)
    part.replace(target)
    target.with_name(f"{target.name}.etag").unlink(missing_ok=True)


def _go_on(url: str, part: Path, etag: Path, most_bytes: int) -> None:
    """One connection: asks for what is missing, and takes what comes."""
    with urllib.request.urlopen(_request(url, part, etag), timeout=TIMEOUT_S) as opened:  # noqa: S310 - http(s) alone, see _request
        answer = cast("http.client.HTTPResponse", opened)
        continues = answer.status == http.client.PARTIAL_CONTENT
        start = _size(part) if continues else 0
        if continues and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            part.unlink()
            raise _BrokenOffError("the server goes on from another place")
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else None
        if total is not None and total > most_bytes:
            raise SetupError(f"{url} has {total:,} bytes, more than any model; check the address")
        tag = answer.headers.get("ETag", "")
        etag.write_text(tag if tag.startswith('"') else "")  # a weak one promises no equal bytes
        with part.open("ab" if continues else "wb") as out:
            while block := answer.read(CHUNK_BYTES):
                out.write(block)
                if out.tell() > most_bytes:
                    raise SetupError(f"{url} has more bytes than any model; check the address")
    if total is not None and _size(part) != total:
        raise _BrokenOffError(f"{total:,} bytes were announced")


def _request(url: str, part: Path, etag: Path) -> urllib.request.Request:
    if not url.startswith(("https://", "http://")):
        raise SetupError(f"{url}: only https:// and http:// are fetched")
    tag = etag.read_text() if etag.is_file() else ""
    headers = {"User-Agent": "ctcohort"}
    if tag and _size(part):  # without the tag, the rest may be that of another file
        headers |= {"Range": f"bytes={_size(part)}-", "If-Range": tag}
    return urllib.request.Request(url, headers=headers)  # noqa: S310 - checked above


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
