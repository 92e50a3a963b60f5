r"""Several files in one body (RFC 2046, 5.1; PS3.18, 8.6.1.2.1), read as they come.

Each byte is looked at once and copied once, however large a part is and however it was cut on its
way; a part in hand is all that is held. What separates the parts is a line end, two hyphens and the
boundary; the line end of the first such line, "\r\n" or "\n", is that of all. A part that says how
long it is may have anything in it; in another one the same bytes within a longer line are data.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from email.message import Message
from typing import Final

from cluster.stores.pacs.connection import NoAnswerError, NotDicomwebError

MAX_HEADER_BYTES: Final = 64 * 2**10
"""Of one part, and of what may stand before the first."""

_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d{1,15})[ \t]*\r?$", re.I | re.M)

_SPACE: Final = b" \t"


def boundary_of(content_type: str) -> bytes:
    """What separates the parts.

    Args:
        content_type: header of the answer.

    Raises:
        NotDicomwebError: it has no parts.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_maintype() != "multipart" or not boundary:
        raise NotDicomwebError("it answers with something else than images")
    return boundary.encode("latin-1", "replace")


def parts_of(pieces: Iterable[bytes], boundary: bytes) -> Iterator[bytes]:
    """The content of each part, in their order; nothing for an empty body.

    Raises:
        NoAnswerError: the body ends before its end is marked.
        NotDicomwebError: a part has another length than it says, or no end of its header.
    """
    body = _Body(pieces)
    line_end = body.skip_to_first(boundary)
    if line_end is None:
        return
    mark = line_end + b"--" + boundary
    while not body.is_last(line_end):
        header = io.BytesIO()
        body.copy_to(line_end * 2, header, most_bytes=MAX_HEADER_BYTES)
        content = io.BytesIO()
        if length := _LENGTH.search(header.getvalue()):
            body.copy(int(length[1]), content)
            if not body.starts_with(mark):
                raise NotDicomwebError("it sends a part of another length than it says")
        body.copy_to(mark, content, line_ends=(line_end,))
        yield content.getvalue()  # shares the buffer, no copy


def joined(files: Iterable[bytes], media_type: str, boundary: str) -> bytes:
    """A body with these parts."""
    head = f"--{boundary}\r\nContent-Type: {media_type}\r\n\r\n".encode()
    pieces = [piece for file in files for piece in (head, file, b"\r\n")]
    return b"".join((*pieces, f"--{boundary}--\r\n".encode()))


class _Body:
    """Bytes of which some are in hand, from `_at` on."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""
        self._at = 0

    def skip_to_first(self, boundary: bytes) -> bytes | None:
        """Goes behind the first boundary.

        Returns:
            The line end there; None if the body is empty.
        """
        if not self._has(1):
            return None
        preamble = io.BytesIO()
        self._held = b"\n" + self._held  # the first line may be the boundary
        self.copy_to(
            b"\n--" + boundary,
            preamble,
            line_ends=(b"\r\n", b"\n"),
            most_bytes=MAX_HEADER_BYTES,
        )
        self._skip_space()
        return b"\r\n" if self.starts_with(b"\r\n") or self.starts_with(b"--\r\n") else b"\n"

    def is_last(self, line_end: bytes) -> bool:
        """Whether a boundary was the last; goes to the line end of one that was not."""
        if self.starts_with(b"--"):
            return True
        self._skip_space()
        if not self.starts_with(line_end):
            raise NotDicomwebError("it sends parts that are separated in no known way")
        return False

    def starts_with(self, mark: bytes) -> bool:
        """Whether these bytes come next."""
        return self._has(len(mark)) and self._held.startswith(mark, self._at)

    def copy(self, n_bytes: int, sink: io.BytesIO) -> None:
        """Moves so many bytes."""
        while n_bytes:
            if not self._has(1):
                raise _broken_off()
            moved = self._held[self._at : self._at + n_bytes]
            sink.write(moved)
            self._at += len(moved)
            n_bytes -= len(moved)

    def copy_to(
        self,
        mark: bytes,
        sink: io.BytesIO,
        *,
        line_ends: tuple[bytes, ...] = (),
        most_bytes: int | None = None,
    ) -> None:
        """Moves what stands before a mark, and goes behind the mark.

        Args:
            mark: that ends it.
            sink: takes it.
            line_ends: given for a boundary: no mark unless one of these or the sign of the last
                follows.
            most_bytes: before the mark.
        """
        while True:
            if not self._has(len(mark)):
                raise _broken_off()
            found = self._held.find(mark, self._at)
            end = found if found >= 0 else len(self._held) - len(mark) + 1
            sink.write(memoryview(self._held)[self._at : end])
            self._at = end
            if most_bytes is not None and sink.tell() > most_bytes:
                raise NotDicomwebError("it sends a part whose header does not end")
            if found < 0:
                self._more()
                continue
            self._at += len(mark)
            if not line_ends or self._ends_line(line_ends):
                return
            sink.write(mark)

    def _ends_line(self, line_ends: tuple[bytes, ...]) -> bool:
        """Whether a boundary ends here, and not a longer word that begins with it."""
        if self.starts_with(b"--"):
            return True
        ahead = 0
        while self._has(ahead + 1) and self._held[self._at + ahead] in _SPACE:
            ahead += 1
        self._has(ahead + max(map(len, line_ends)))
        return self._held.startswith(line_ends, self._at + ahead)

    def _skip_space(self) -> None:
        while self._has(1) and self._held[self._at] in _SPACE:
            self._at += 1

    def _has(self, n_bytes: int) -> bool:
        while len(self._held) - self._at < n_bytes:
            if not self._more():
                return False
        return True

    def _more(self) -> bool:
        """Takes the next piece to hand, and lets go of what has been moved."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._held = self._held[self._at :] + piece
        self._at = 0
        return True


def _broken_off() -> NoAnswerError:
    return NoAnswerError("its answer broke off")
