"""One damaged file: it costs at most its own series, and is never quoted."""

from __future__ import annotations

import io
from typing import Any

import pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.support.hospital.files import as_zip, file_of, laid
from tests.support.hospital.images import Visit, ct
from tests.support.hospital.outcome import Expected, Files, Layout

UNREADABLE = Expected("", 1, code="unreadable_file")
"""One row for what nobody can tell the name of."""


def _beside_a_healthy_one(bad: Files, *expected: Expected, **what: Any) -> Layout:
    healthy = ct(Visit(), "Healthy")
    return Layout(laid("healthy", healthy.images) | bad, (healthy.expected(), *expected), **what)


def _one(**elements: Any) -> bytes:
    return file_of(ct(Visit(patient="ZZMRN-0000"), "Bad", slices=1, **elements).images[0])


def deflated_header_cut_off() -> Layout:
    """zlib.error."""
    one = ct(Visit(patient="ZZMRN-0000"), "Bad", slices=1).images[0]
    one.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    bad = {"bad/0.dcm": file_of(one)[:600]}
    return _beside_a_healthy_one(bad, UNREADABLE, damaged=1)


def patient_id_as_a_double() -> Layout:
    """pydicom's error quotes its bytes."""
    file = _one()
    at = file.index(b"\x10\x00\x20\x00LO")
    changed = file[: at + 4] + b"FD" + file[at + 6 :]
    one = Expected("Bad", 1, why_not="too_few", code="too_few_slices")
    return _beside_a_healthy_one({"bad/0.dcm": changed}, one)


def cut_behind_the_prefix() -> Layout:
    """struct.error."""
    return _beside_a_healthy_one({"bad/0.dcm": _one()[:154]}, UNREADABLE, damaged=1)


def series_number_that_is_none() -> Layout:
    """pydicom warns, and quotes it."""
    uid, name = b"1.2.3.4.5.6.7.8.910", b"Zzmuster^Maria 1947"
    file = _one(SeriesInstanceUID=uid.decode()).replace(uid, name)
    one = Expected("Bad", 1, patient="ZZMRN-0000", why_not="too_few", code="too_few_slices")
    return _beside_a_healthy_one({"bad/0.dcm": file}, one)


def patient_in_another_character_set_than_declared() -> Layout:
    file = _one(SpecificCharacterSet="ISO_IR 192").replace(b"ZZMRN-0000", b"ZZMRN-\xe9\xe800")
    patient = "ZZMRN-\ufffd\ufffd00"
    one = Expected("Bad", 1, patient=patient, why_not="too_few", code="too_few_slices")
    return _beside_a_healthy_one({"bad/0.dcm": file}, one)


def zip_with_a_damaged_member() -> Layout:
    """11 of 12 images are known by their headers; the twelfth may be any."""
    one = ct(Visit(study="zip"), "Zipped")
    data = bytearray(as_zip(laid("", one.images)))
    data[60:90] = bytes(30)
    bad = one.refused("unreadable_file", images=11)
    return _beside_a_healthy_one({"bad/s.zip": bytes(data)}, bad, damaged=1)


def zip_cut_off() -> Layout:
    data = as_zip(laid("", ct(Visit(study="zip"), "Zipped").images))
    return _beside_a_healthy_one({"bad/s.zip": data[: len(data) // 2]}, UNREADABLE, damaged=1)


def image_cut_off_in_its_pixels() -> Layout:
    """Its header is whole, so that nothing is amiss before it is read."""
    one = ct(Visit(), "Cut")
    files = laid("s", one.images)
    files["s/IM00007.dcm"] = files["s/IM00007.dcm"][:-500]
    return Layout(files, (one.refused("truncated_file"),))


def empty_image() -> Layout:
    return _lost("Empty", b"")


def image_overwritten_by_the_page_of_a_server() -> Layout:
    return _lost("Overwritten", b"<html>502 Bad Gateway</html>")


def image_full_of_zeros() -> Layout:
    """After a crash, the size of a file may be there and its content not."""
    return _lost("Zeros", bytes(4000))


def first_image_lost() -> Layout:
    """No gap gives it away."""
    return _lost("First lost", b"", number=0)


def last_image_lost_behind_its_prefix() -> Layout:
    file = file_of(ct(Visit(), "Last lost").images[11])
    return _lost("Last lost", file[:140], number=11)


def _lost(description: str, content: bytes, number: int = 7) -> Layout:
    """11 of 12 slices and a file that may be the twelfth: not measured as if they were whole."""
    whole = ct(Visit(), description)
    files = laid("s", whole.images) | {f"s/IM{number:05}.dcm": content}
    one = whole.but(whole.images[:number] + whole.images[number + 1 :])
    is_dicom = content[128:132] == b"DICM"
    return Layout(
        files,
        (one.refused("unreadable_file"),),
        foreign=int(not is_dicom),
        damaged=int(is_dicom),
    )


def copy_that_was_broken_off() -> Layout:
    """By a program that renames a file once it is whole: its header says what it will be."""
    one = ct(Visit(), "Arriving")
    part = {"s/IM00011.dcm.part": file_of(one.images[11])[:1500]}
    return Layout(laid("s", one.images[:11]) | part, (one.refused("truncated_file"),))


def without_prefix() -> Layout:
    """Bare data sets, implicit little endian: as old archives hold them."""
    return _stripped("Bare", preamble=None)


def prefix_without_file_meta() -> Layout:
    return _stripped("Prefix only", preamble=bytes(128))


def _stripped(description: str, preamble: bytes | None) -> Layout:
    one = ct(Visit(), description)
    files = {}
    for path, file in laid("s", one.images).items():
        header = pydicom.dcmread(io.BytesIO(file))
        del header.file_meta
        header.preamble = preamble
        buffer = io.BytesIO()
        pydicom.dcmwrite(
            buffer, header, implicit_vr=True, little_endian=True, enforce_file_format=False
        )
        files[path] = buffer.getvalue()
    return Layout(files, (one.expected(),))


LAYOUTS = (
    deflated_header_cut_off,
    patient_id_as_a_double,
    cut_behind_the_prefix,
    series_number_that_is_none,
    patient_in_another_character_set_than_declared,
    zip_with_a_damaged_member,
    zip_cut_off,
    image_cut_off_in_its_pixels,
    empty_image,
    image_overwritten_by_the_page_of_a_server,
    image_full_of_zeros,
    first_image_lost,
    last_image_lost_behind_its_prefix,
    copy_that_was_broken_off,
    without_prefix,
    prefix_without_file_meta,
)
