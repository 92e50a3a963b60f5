"""What the start of a file gives: its header, or a reason. Never an error, a warning or a log line.

The values expected are those that were written, and pydicom's own reading of whole files.
"""

from __future__ import annotations

import io
import logging
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from segment_actor.reading.dicom.file.parsing import MAX_START_BYTES, Unread, header_in
from segment_actor.reading.dicom.image import image_of
from tests.support.ct_files import SERIES_UID, dicom, dicom_slices, made_hu

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def slice_of(syntax: UID = ExplicitVRLittleEndian, **elements: Any) -> Dataset:
    one = dicom_slices(made_hu())[0]
    with pydicom.config.disable_value_validation():
        for keyword, value in elements.items():
            setattr(one, keyword, value)
    one.file_meta.TransferSyntaxUID = syntax
    return one


def written(one: Dataset, *, implicit: bool) -> bytes:
    """A data set alone, without prefix and meta."""
    buffer = io.BytesIO()
    one.save_as(buffer, implicit_vr=implicit, little_endian=True)
    return buffer.getvalue()


def found(start: bytes, *, whole: bool = False) -> Dataset:
    header = header_in(start, whole=whole)
    assert isinstance(header, Dataset)
    return header


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_start_of_a_file_gives_its_header_and_nothing_of_makers_or_pixels(syntax: UID) -> None:
    one = slice_of(syntax)
    for group in (0x0009, 0x0029):
        one.private_block(group, "maker", create=True).add_new(1, "LO", "secret")
    header = found(dicom(one))
    image = image_of(header)
    assert (image.series_uid, image.patient_id) == (SERIES_UID, "secret-id")
    assert (image.position_mm, image.spacing_mm) == ((-100, -50, 10), (3, 2))
    assert max(header.keys()).group == 0x0028
    assert not [tag for tag in header.keys() if tag.is_private]  # noqa: SIM118


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("before", [b"", bytes(128) + b"DICM"], ids=["bare", "prefix alone"])
def test_a_data_set_without_meta_is_found(implicit: bool, before: bytes) -> None:
    one = slice_of()
    bare = Dataset(dict(one.items()))
    header = found(before + written(bare, implicit=implicit))
    assert image_of(header) == image_of(one)


def test_a_file_whose_prefix_was_lost_is_found() -> None:
    assert image_of(found(dicom(slice_of())[132:])) == image_of(slice_of())


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_start_that_ends_anywhere_asks_for_more_and_never_gives_half_a_header(
    syntax: UID,
) -> None:
    one = slice_of(syntax)
    one.ReferencedImageSequence = [Dataset(), Dataset()]
    one.ReferencedImageSequence.is_undefined_length = True
    file, whole = dicom(one), image_of(one)
    last = 0
    for length in range(132, len(file)):
        header = header_in(file[:length])
        if isinstance(header, Dataset):
            assert image_of(header) == whole
        else:
            assert header is Unread.CUT_SHORT
            last = length
    assert last < len(file) - 7 * 6 * 2 or syntax == DeflatedExplicitVRLittleEndian


@pytest.mark.parametrize("length", range(140, 820, 7))
def test_a_whole_file_cut_within_an_element_is_damaged(length: int) -> None:
    file = dicom(slice_of())
    assert length < file.index(b"\xe0\x7f\x10\x00")
    header = header_in(file[:length] + bytes(2**16), whole=True)
    assert header is Unread.DAMAGED


def test_a_file_of_a_header_alone_is_whole() -> None:
    one = slice_of()
    del one.PixelData
    file = dicom(one)
    assert header_in(file) is Unread.CUT_SHORT
    assert image_of(found(file, whole=True)) == image_of(one)


@pytest.mark.parametrize(
    "start",
    [b"", b"\0" * 4096, b"PK\3\4" * 99, b"<html>" * 99, b"\x08\0\x05\0CS", b"\x08\0 README\n" * 9],
)
def test_what_is_no_dicom_is_called_so(start: bytes) -> None:
    assert header_in(start) is Unread.NO_DICOM
    assert header_in(start, whole=True) is Unread.NO_DICOM


def test_private_elements_longer_than_the_start_ask_for_more() -> None:
    one = slice_of()
    one.private_block(0x0019, "maker", create=True).add_new(1, "OB", bytes(2**17))
    file = dicom(one)
    assert header_in(file[: 2**16]) is Unread.CUT_SHORT
    assert image_of(found(file[: 2**18])) == image_of(one)


def test_a_deflated_file_is_unpacked_to_a_limit_only() -> None:
    packed = dicom(slice_of(DeflatedExplicitVRLittleEndian))
    meta = packed[: packed.index(DeflatedExplicitVRLittleEndian.encode()) + 22]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    element = b"\x09\x00\x10\x10OB\0\0" + (2**30).to_bytes(4, "little")
    zeros = packer.compress(element) + b"".join(packer.compress(bytes(2**20)) for _ in range(64))
    tracemalloc.start()
    assert header_in(meta + zeros + packer.flush()) is Unread.DAMAGED
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MAX_START_BYTES


def altered(file: bytes, seed: int) -> bytes:
    rng, data = np.random.default_rng(seed), bytearray(file)
    for _ in range(rng.integers(1, 6)):
        data[rng.integers(128, min(len(data), 1200))] = rng.integers(256)
    return bytes(data)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_altered_bytes_neither_raise_nor_warn_in_many_threads(
    syntax: UID, caplog: pytest.LogCaptureFixture
) -> None:
    file = dicom(slice_of(syntax, PatientName="Müller", SpecificCharacterSet="ISO_IR 100"))
    caplog.set_level(logging.DEBUG)

    def read(seed: int) -> bool:
        header = header_in(altered(file, seed), whole=bool(seed % 2))
        return isinstance(header, Unread) or image_of(header) is not None

    with warnings.catch_warnings(record=True) as said, ThreadPoolExecutor(8) as threads:
        warnings.simplefilter("always")
        assert all(threads.map(read, range(1500)))
    assert not said
    assert not caplog.records
    assert not logging.getLogger("pydicom").disabled


@pytest.mark.parametrize("element", [bytes(8), b"\x08\x00\x05\x00CS\x00\x00"])
def test_millions_of_empty_elements_are_damage_that_is_seen_at_once(element: bytes) -> None:
    file = bytes(128) + b"DICM" + element * 2_000_000
    assert header_in(file) is Unread.DAMAGED
