from __future__ import annotations

import gzip
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_actor.writing.gzip_parts import (
    Part,
    compress_part,
    gzip_member,
    join_parts,
    zeros_part,
)


def file_of(*parts: Part) -> bytes:
    return b"".join(gzip_member(parts))


@given(st.lists(st.binary(max_size=300) | st.integers(0, 3000), max_size=8))
def test_a_file_of_parts_holds_what_they_hold_one_after_the_other(
    contents: list[bytes | int],
) -> None:
    parts = [zeros_part(c) if isinstance(c, int) else compress_part(c) for c in contents]
    expected = b"".join(bytes(c) if isinstance(c, int) else c for c in contents)
    assert gzip.decompress(file_of(*parts)) == expected


def test_the_file_is_one_gzip_member_for_readers_that_know_no_second() -> None:
    reader = zlib.decompressobj(wbits=31)
    data = file_of(compress_part(b"head"), zeros_part(5_000_001), compress_part(b"tail"))
    assert reader.decompress(data) == b"head" + bytes(5_000_001) + b"tail"
    assert (reader.eof, reader.unused_data) == (True, b"")


def test_a_part_may_be_written_as_often_as_it_occurs() -> None:
    plane = compress_part(np.arange(200, dtype=np.uint8))
    twice = bytes(range(200)) * 2
    assert gzip.decompress(file_of(plane, plane)) == twice
    assert gzip.decompress(file_of(join_parts(plane, plane))) == twice


def test_the_same_parts_are_the_same_bytes_at_any_time() -> None:
    data = file_of(compress_part(b"labels"))
    assert data[4:8] == bytes(4)  # the time in the header
    assert data == file_of(compress_part(b"labels"))


@pytest.mark.parametrize("size", [2**20 + 3, 2**30])
def test_a_gigabyte_of_zeros_takes_no_memory_to_compress(size: int) -> None:
    assert zeros_part(size).size == size
    assert len(zeros_part(size).deflated) < size / 500
