"""The start of a file says who, and no file makes an index unpack or read more than its start."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from segment_actor.reading.dicom.header import quiet_pydicom
from segment_actor.reading.dicom.identity import START_BYTES, Identity, identity_of
from tests.support.ct_files import SERIES_UID, dicom, dicom_slices, made_hu

SYNTAXES = [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]


def file(elements: Mapping[str, Any] | None = None, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    slice_ = dicom_slices(made_hu())[0]
    with pydicom.config.disable_value_validation():
        for keyword, value in (elements or {}).items():
            setattr(slice_, keyword, value)
    slice_.file_meta.TransferSyntaxUID = syntax
    return dicom(slice_)


def read(data: bytes) -> Identity:
    with quiet_pydicom():
        return identity_of(io.BytesIO(data))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_start_of_a_file_says_who_and_when(syntax: UID) -> None:
    found = read(file({"StudyDate": "20200131"}, syntax))
    assert found.series_uid == SERIES_UID
    assert found.study_uid == SERIES_UID[:-1] + "2"
    assert (found.patient_id, found.scan_date) == ("secret-id", date(2020, 1, 31))


@pytest.mark.parametrize(
    ("dates", "scan_date"),
    [
        ({"AcquisitionDate": "20200203", "SeriesDate": "20200202"}, date(2020, 2, 3)),
        ({"AcquisitionDate": "", "SeriesDate": "20200202"}, date(2020, 2, 2)),
        ({"AcquisitionDate": "19000101", "StudyDate": "2020.02.01"}, date(2020, 2, 1)),
        ({"AcquisitionDate": "202021", "StudyDate": "20200230"}, None),
    ],
)
def test_the_date_is_that_of_the_acquisition_else_of_series_or_study(
    dates: dict[str, str], scan_date: date | None
) -> None:
    assert read(file(dates)).scan_date == scan_date


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_private_elements_before_it_may_be_longer_than_the_first_look(syntax: UID) -> None:
    slice_ = dicom_slices(made_hu())[0]
    noise = np.random.default_rng(0).bytes(START_BYTES[0] * 2)
    slice_.private_block(0x0019, "maker", create=True).add_new(1, "OB", noise)
    slice_.file_meta.TransferSyntaxUID = syntax
    assert read(dicom(slice_)).series_uid == SERIES_UID


@pytest.mark.parametrize("length", range(100, 900, 37))
def test_a_file_that_is_cut_off_names_itself_or_nothing(length: int) -> None:
    whole = read(file())
    found = read(file()[:length] + bytes(START_BYTES[0]))
    assert found in (whole, Identity())


def test_a_deflated_file_is_unpacked_to_a_limit_only() -> None:
    packed = file(syntax=DeflatedExplicitVRLittleEndian)
    meta = packed[: packed.index(DeflatedExplicitVRLittleEndian.encode()) + 24]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    element = b"\x09\x00\x10\x10OB\0\0" + (2**30).to_bytes(4, "little")
    zeros = packer.compress(element) + b"".join(packer.compress(bytes(2**20)) for _ in range(64))
    tracemalloc.start()
    assert read(meta + zeros + packer.flush()) == Identity()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * START_BYTES[-1]


def test_who_and_when_are_not_shown() -> None:
    assert repr(read(file({"StudyDate": "20200131"}))) == "Identity()"
