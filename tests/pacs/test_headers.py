"""Headers of a PACS: those of the stored images, of all of them, or a failure of the series."""

from __future__ import annotations

import io
import zipfile

import pydicom
import pytest

from cluster.stores.dicomweb import DicomWebArchive
from segment_actor.errors import FailureCode, SeriesError
from tests.support.odd_pacs import (
    UID_ROOT,
    OddPacs,
    header_json,
    send,
    send_json,
)


def test_headers_are_those_of_the_stored_images(pacs: OddPacs, archive: DicomWebArchive) -> None:
    with archive.open(pacs.path) as stream, zipfile.ZipFile(stream) as zipped:
        headers = [pydicom.dcmread(zipped.open(name)) for name in zipped.namelist()]
    for header, slice_ in zip(headers, pacs.slices, strict=True):
        without_pixels = pydicom.Dataset(slice_)
        del without_pixels.PixelData
        without_pixels.SpecificCharacterSet = "ISO_IR 192"
        assert header == without_pixels


def test_names_of_headers_are_those_of_the_files(pacs: OddPacs, archive: DicomWebArchive) -> None:
    whole = zipfile.ZipFile(io.BytesIO(archive.get(pacs.path)))
    assert zipfile.ZipFile(archive.open(pacs.path)).namelist() == whole.namelist()


def test_start_is_the_start_of_what_open_gives_and_asks_once_for_both(
    pacs: OddPacs, archive: DicomWebArchive
) -> None:
    start = archive.start(pacs.path, 4)
    assert archive.open(pacs.path).read(4) == start == b"PK\3\4"
    assert pacs.kinds().count("metadata") == 1


def test_a_listing_lets_headers_be_asked_for_anew(pacs: OddPacs, archive: DicomWebArchive) -> None:
    archive.start(pacs.path, 4)
    list(archive.list())
    archive.open(pacs.path)
    assert pacs.kinds().count("metadata") == 2


def test_one_malformed_value_is_left_out_alone(pacs: OddPacs, archive: DicomWebArchive) -> None:
    rows = [header_json(one) for one in pacs.slices]
    rows[0]["00280010"] = {"vr": "US", "Value": ["Secret^Name"]}
    rows[0]["00100010"] = {"vr": "PN", "Value": [["Secret^Name"]]}
    pacs.answers["metadata"] = lambda handler, _: send_json(handler, rows)
    with zipfile.ZipFile(archive.open(pacs.path)) as zipped:
        header = pydicom.dcmread(zipped.open(zipped.namelist()[0]))
    assert "Rows" not in header
    assert "PatientName" not in header
    assert header.Columns == pacs.slices[0].Columns


@pytest.mark.parametrize(
    "body", [b"", b"[", b'[{"1.2.826.0.1"', b'"1.2.826.0.1"', b"[1]", b"\xff", b"[" * 99_999]
)
def test_malformed_json_is_the_failure_of_the_series(
    pacs: OddPacs, archive: DicomWebArchive, body: bytes
) -> None:
    pacs.answers["metadata"] = lambda handler, _: send(handler, body)
    with pytest.raises(SeriesError) as caught:
        archive.open(pacs.path)
    assert caught.value.code is FailureCode.INCOMPLETE_ANSWER
    assert UID_ROOT not in str(caught.value)


@pytest.mark.parametrize("n_headers", [0, 3])
def test_headers_of_half_the_images_are_refused(
    pacs: OddPacs, archive: DicomWebArchive, n_headers: int
) -> None:
    rows = [header_json(one) for one in pacs.slices[:n_headers]]
    pacs.answers["metadata"] = lambda handler, _: send_json(handler, rows)
    with pytest.raises(SeriesError, match=f"{n_headers} of 4 images"):
        archive.open(pacs.path)
