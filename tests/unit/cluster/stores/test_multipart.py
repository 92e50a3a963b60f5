"""Bodies of several parts: whatever is in them and however they are cut on their way."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.stores.pacs import multipart
from cluster.stores.pacs.connection import NoAnswerError, NotDicomwebError
from cluster.stores.pacs.multipart import boundary_of, joined, parts_of

BOUNDARY = b"bound"

CONTENT = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"--", b"bound", b"\r\n--boun", b"x", b"\0"]), max_size=30
).map(b"".join)
"""Made of what could be mistaken for a boundary, but is none."""


def is_boundary(content: bytes, line_end: bytes) -> bool:
    """Whether a boundary could be read in it, or with what comes behind it."""
    return line_end + b"--" + BOUNDARY in content + line_end + b"--"


def cut(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def body_of(
    contents: list[bytes], line_end: bytes, header: bytes, preamble: bytes, padding: bytes
) -> bytes:
    parts = (
        b"--" + BOUNDARY + padding + line_end + header + line_end + content + line_end
        for content in contents
    )
    return preamble + b"".join(parts) + b"--" + BOUNDARY + b"--" + line_end + b"epilogue"


@given(
    contents=st.lists(CONTENT, min_size=1, max_size=5),
    line_end=st.sampled_from([b"\r\n", b"\n"]),
    fields=st.lists(st.sampled_from([b"Content-Type: application/dicom", b"X: y"]), max_size=2),
    preamble=st.sampled_from([b"", b"\r\n", b"\n", b"preamble\r\n", b"--boundless\n"]),
    padding=st.sampled_from([b"", b" ", b"\t "]),
    size=st.integers(1, 200),
)
def test_each_part_comes_as_it_was_sent(
    contents: list[bytes],
    line_end: bytes,
    fields: list[bytes],
    preamble: bytes,
    padding: bytes,
    size: int,
) -> None:
    contents = [one for one in contents if not is_boundary(one, line_end)]
    header = b"".join(field + line_end for field in fields)
    body = body_of(contents, line_end, header, preamble, padding)
    assert list(parts_of(cut(body, size), BOUNDARY)) == contents


@given(contents=st.lists(CONTENT, min_size=1, max_size=4), size=st.integers(1, 200))
def test_a_part_that_says_its_length_may_hold_the_boundary(
    contents: list[bytes], size: int
) -> None:
    contents = [one + b"\r\n--bound\r\n" + one for one in contents]
    body = b"".join(
        b"--bound\r\ncontent-length: %d\r\n\r\n%s\r\n" % (len(one), one) for one in contents
    )
    assert list(parts_of(cut(body + b"--bound--", size), BOUNDARY)) == contents


@given(contents=st.lists(CONTENT, min_size=1, max_size=4), data=st.data())
def test_a_body_that_was_cut_off_never_passes_for_a_whole_one(
    contents: list[bytes], data: st.DataObject
) -> None:
    contents = [one for one in contents if not is_boundary(one, b"\r\n")]
    body = joined(contents, "application/dicom", "bound").removesuffix(b"--\r\n")
    end = data.draw(st.integers(1, len(body)))
    with pytest.raises(NoAnswerError):
        list(parts_of([body[:end]], BOUNDARY))


@pytest.mark.parametrize("said", [0, 3, 5])
def test_a_part_of_another_length_than_it_says_is_refused(said: int) -> None:
    body = b"--bound\r\nContent-Length: %d\r\n\r\nfour\r\n--bound--and more" % said
    with pytest.raises(NotDicomwebError, match="another length"):
        list(parts_of([body], BOUNDARY))


def test_an_empty_body_has_no_parts() -> None:
    assert list(parts_of([], BOUNDARY)) == list(parts_of([b""], BOUNDARY)) == []
    assert list(parts_of([b"--bound--"], BOUNDARY)) == []


@given(files=st.lists(st.binary(max_size=50).filter(lambda one: b"bound" not in one), max_size=4))
def test_what_we_send_can_be_taken_apart_again(files: list[bytes]) -> None:
    assert list(parts_of([joined(files, "application/dicom", "bound")], BOUNDARY)) == files


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', b"abc"),
        ('multipart/related; boundary="a b:c"; type="application/dicom"', b"a b:c"),
        ("Multipart/Related;boundary=abc", b"abc"),
        ("multipart/related; type=application/dicom", None),
        ("application/dicom", None),
        ("text/html; boundary=abc", None),
        ("", None),
    ],
)
def test_the_boundary_may_stand_in_quotes(content_type: str, boundary: bytes | None) -> None:
    if boundary is None:
        with pytest.raises(NotDicomwebError):
            boundary_of(content_type)
    else:
        assert boundary_of(content_type) == boundary


def test_a_large_part_is_held_once_and_each_byte_is_moved_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n_bytes, piece = 32 * 2**20, bytes(2**14)
    moved = 0
    more = multipart._Body._more

    def counted(body: multipart._Body) -> bool:
        nonlocal moved
        taken = more(body)
        moved += len(body._held)
        return taken

    monkeypatch.setattr(multipart._Body, "_more", counted)

    def pieces() -> Iterator[bytes]:
        yield b"--bound\r\n\r\n"
        for _ in range(n_bytes // len(piece)):
            yield piece
        yield b"\r\n--bound--"

    tracemalloc.start()
    (part,) = parts_of(pieces(), BOUNDARY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(part) == n_bytes
    assert moved < 1.01 * n_bytes
    assert peak < 1.3 * n_bytes  # the buffer grows by an eighth at a time
