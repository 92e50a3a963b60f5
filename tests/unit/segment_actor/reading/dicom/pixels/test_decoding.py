from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.file.parsing import parse, with_pixels
from segment_actor.reading.dicom.pixels.codestream import declared_size
from segment_actor.reading.dicom.pixels.decoding import decode_hu
from segment_actor.volume import HuArray
from tests.support.ct_files import dicom, dicom_slices, made_hu
from tests.support.encodings import encoded

SHAPE = (7, 6)  # rows, columns
HU = made_hu()[:, :, 0].T


def image(**elements: Any) -> Dataset:
    one = dicom_slices(made_hu())[0]
    for keyword, value in elements.items():
        setattr(one, keyword, value)
    return one


def decoded(data: bytes, shape: tuple[int, int] = SHAPE) -> HuArray:
    parsed = parse(data)
    assert parsed is not None
    return decode_hu(with_pixels(parsed), shape)


def read(**elements: Any) -> HuArray:
    return decoded(dicom(image(**elements)))


def refusal(**elements: Any) -> SeriesError:
    with pytest.raises(SeriesError) as caught:
        read(**elements)
    return caught.value


@pytest.mark.parametrize(
    "unit",
    [
        "HU", "hu", " HU ", "Hounsfield", "HOUNSFIELD UNITS", "Houndsfield Unit", "US", None, "",
        "[HU]", "H.U.", "HU\0", "Hounsfield_Units", "UNSPECIFIED", "Unspecified",
    ],
)  # fmt: skip
def test_hounsfield_units_go_by_several_names(unit: str | None) -> None:
    assert np.array_equal(read(RescaleType=unit), HU)


@pytest.mark.parametrize("unit", ["Z_EFF", "MGML", "ED", "EDW", "OD", "HU_MOD", "PCT"])
def test_another_unit_is_named(unit: str) -> None:
    error = refusal(RescaleType=unit)
    assert (error.code, f"are {unit}" in error.sentence) == (FailureCode.NOT_HOUNSFIELD, True)


@pytest.mark.parametrize("unit", ["Doe John", "normalized", "HU2", "HU/1000", "keV", "1/cm"])
def test_an_unknown_unit_is_refused_and_not_quoted(unit: str) -> None:
    error = refusal(RescaleType=unit)
    assert unit not in error.sentence
    assert error.code is FailureCode.NOT_HOUNSFIELD
    assert "a unit of their own" in error.sentence


PIXELS = image().PixelData


@pytest.mark.parametrize(
    "elements",
    [
        {"PixelData": PIXELS * 2},
        {"BitsStored": 12, "HighBit": 15},
        {"BitsStored": 0},
        {"BitsAllocated": 32},
        {"BitsAllocated": 64},
        {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7},
        {"BitsStored": 8, "HighBit": 7},
        {"SamplesPerPixel": 2},
        {"Rows": 14},
        {"Columns": 3},
    ],
    ids=str,
)
def test_a_header_that_contradicts_its_pixels_is_refused(elements: dict[str, Any]) -> None:
    assert refusal(**elements).code in {FailureCode.UNREADABLE_FILE, FailureCode.TRUNCATED_FILE}


def test_pixels_with_fractions_are_named_so() -> None:
    one = image(FloatPixelData=np.zeros(SHAPE, "<f4").tobytes())
    del one.PixelData
    with pytest.raises(SeriesError, match="pixels with fractions"):
        decoded(dicom(one))


@pytest.mark.parametrize("above", [0, 0xF000])
def test_a_negative_value_of_12_bits_is_read_with_and_without_its_sign(above: int) -> None:
    stored = np.array([[-1000, 50], [2047, -2048]]).repeat(2, axis=0)
    bits = (stored & 0xFFF) | np.where(stored < 0, above, 0)
    hu = decoded(
        dicom(
            image(
                Rows=4, Columns=2, BitsStored=12, HighBit=11, PixelRepresentation=1,
                RescaleIntercept="0", PixelData=bits.astype("<u2").tobytes(),
            )
        ),
        (4, 2),
    )  # fmt: skip
    assert np.array_equal(hu, stored)


def test_big_endian_words_are_read_and_refused_where_they_are_said_to_be_bytes() -> None:
    stored = (HU.astype(int) + 1024).astype(">u2")
    one = image(PixelData=stored.tobytes())
    one.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    data = dicom(one)
    assert np.array_equal(decoded(data), HU)
    with pytest.raises(SeriesError, match="truncated_file"):
        decoded(data.replace(b"\x7f\xe0\x00\x10OW", b"\x7f\xe0\x00\x10OB"))


COMPRESSED = {"jpeg": JPEGLosslessSV1, "jpeg_ls": JPEGLSLossless, "jpeg_2000": JPEG2000Lossless}


def jpeg(marker: int) -> bytes:
    """Up to its pixels; its size is 60,000 x 60,000."""
    size = bytes([0xFF, marker]) + b"\0\x0b\x10\xea\x60\xea\x60\1\1\x11\0"
    return b"\xff\xd8\xff\xe0\0\4ab" + size + b"\xff\xc4\0\2\xff\xda\0\2"


HUGE = {
    "jpeg": jpeg(0xC3),
    "jpeg_ls": jpeg(0xF7),
    "jpeg_2000": b"\xff\x4f\xff\x51\0\x29\0\0\0\0\xea\x60\0\0\xea\x60"
    + bytes(24)
    + b"\0\1\x0f\1\1",
}


@pytest.mark.parametrize("kind", HUGE)
def test_compressed_pixels_that_claim_another_size_never_reach_a_decoder(kind: str) -> None:
    assert declared_size(HUGE[kind]) == (60_000, 60_000, 1)
    one = image(PixelData=encapsulate([HUGE[kind] + bytes(100)]))
    one.file_meta.TransferSyntaxUID = COMPRESSED[kind]
    one["PixelData"].VR = "OB"
    with pytest.raises(SeriesError, match="truncated_file"):
        decoded(dicom(one))


def test_32_bits_of_jpeg_do_not_end_the_process() -> None:
    file = encoded(image(), "jpeg")
    changed = file.replace(b"\x28\0\0\1US\2\0\x10\0", b"\x28\0\0\1US\2\0\x20\0")
    assert changed != file
    with pytest.raises(SeriesError, match="truncated_file"):
        decoded(changed)


def test_64_bits_of_compressed_pixels_do_not_end_the_process() -> None:
    one = image(BitsAllocated=64, PixelData=encapsulate([HUGE["jpeg"]]))
    one.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    one["PixelData"].VR = "OB"
    with pytest.raises(SeriesError, match="contradicts itself"):
        decoded(dicom(one))


def test_48_bits_of_jpeg_ls_do_not_end_the_process() -> None:
    file = encoded(image(), "jpeg_ls")
    changed = file.replace(b"\xff\xf7\0\x0b\x10", b"\xff\xf7\0\x0b\x30")
    assert changed != file
    with pytest.raises(SeriesError, match="truncated_file"):
        decoded(changed)


def test_a_jpeg_without_the_table_of_its_codes_does_not_end_the_process() -> None:
    file = encoded(image(), "jpeg")
    at = file.index(b"\xff\xc4")
    with pytest.raises(SeriesError, match="truncated_file"):
        decoded(file[:at] + b"\xff\0" + file[at + 2 :])
