"""What can happen to a DICOM series on its way: to headers, pixels, or whole files."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import UID

from segment_actor.reading.dicom.file.header import quiet_pydicom
from tests.fuzz.case import attempt

Files = dict[str, bytes]

_NUMBERS = ("0", "-1", "1", "2", "0.5", "1e308", "-1e308", "nan", "inf", "1e-30", "65536", "x", "")
_STRANGE: dict[str, tuple[Any, ...]] = {
    "Rows": (0, 1, 7, 13, 15, 28, 65535, None),
    "Columns": (0, 1, 8, 15, 17, 32, 65535, None),
    "BitsAllocated": (0, 1, 8, 12, 16, 32, 64, None),
    "BitsStored": (0, 1, 8, 11, 12, 15, 16, 17, 32, None),
    "HighBit": (0, 7, 11, 15, 16, None),
    "PixelRepresentation": (0, 1, 2, None),
    "SamplesPerPixel": (0, 1, 2, 3, 4, None),
    "PhotometricInterpretation": (
        "MONOCHROME1", "RGB", "PALETTE COLOR", "YBR_FULL", "Secret", "", None,
    ),
    "NumberOfFrames": ("0", "1", "2", "-1", "1000000000", "x", None),
    "PlanarConfiguration": (0, 1, None),
    "RescaleSlope": (*_NUMBERS, "1.5", None),
    "RescaleIntercept": (*_NUMBERS, "-1000", "-8192", None),
    "RescaleType": ("hu", "Hounsfield", "US", "MGML", "?", "Secret", None),
    "ImagePositionPatient": ([0, 0, 0], [1, 2], ["1e308"] * 3, ["nan"] * 3, [0, 0, 11.2], None),
    "ImageOrientationPatient": (
        [1, 0, 0, 0, 1, 0], [-1, 0, 0, 0, 1, 0], [1, 0, 0, 0.1, 1, 0], [0] * 6,
        [0.8, 0.6, 0, -0.6, 0.8, 0], ["nan"] * 6, [1, 0], None,
    ),
    "PixelSpacing": ([1, 1], [0, 1], [-1, 1], ["1e-9", "1"], [1], ["1e9"] * 2, [2, 3, 4], None),
    "SliceThickness": (*_NUMBERS, None),
    "InstanceNumber": ("1", "-1", "7", "x", None),
    "Modality": ("MR", "PT", "OT", "SR", "Secret", "", None),
    "SOPClassUID": ("1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.7", "Secret", None),
    "SOPInstanceUID": ("1.2.3", "Secret", "", None),
    "SeriesInstanceUID": ("1.2.3", "Secret", "", None),
    "StudyInstanceUID": ("1.2.3", "Secret", "", None),
    "PatientID": ("another", "Secret", "", None),
    "ImageType": (["ORIGINAL", "PRIMARY", "LOCALIZER"], "DERIVED", "Secret", "", None),
    "SpecificCharacterSet": ("ISO_IR 192", "ISO 2022 IR 87", "Secret", None),
    "ImagesInAcquisition": ("1", "6", "7", "1000", "x"),
    "NumberOfSeriesRelatedInstances": ("1", "6", "7"),
}  # fmt: skip
_PADDING = (0, 24, 500, 1024, 2000, 32767, 63536, 65535)
_SYNTAXES = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201", "1.2.3", "",
)  # fmt: skip
_TEXT = (b"", b"\0", b"<html>502 Bad Gateway</html>", b"file not found\n" * 40, b"\xff\xd8\xff\xe0")


@dataclass
class Damaged:
    """A series and what became of it.

    Attributes:
        files: content by name.
        emptied: names of files that hold their image no more: nothing may be measured.
    """

    files: Files
    emptied: set[str] = field(default_factory=set)


Damage = Callable[[np.random.Generator, Damaged], None]


def _which(rng: np.random.Generator, series: Damaged) -> str:
    """A file; the first and the last more often, as no gap gives them away."""
    names = sorted(name for name in series.files if name.startswith("IM"))
    return str(rng.choice([*names, names[0], names[-1], names[-1]]))


def _alter(series: Damaged, name: str, change: Callable[[bytearray], None]) -> None:
    data = bytearray(series.files[name])
    if data:
        change(data)
        series.files[name] = bytes(data)


def _bits(rng: np.random.Generator, series: Damaged) -> None:
    def change(data: bytearray) -> None:
        reach = min(len(data), int(rng.choice([400, 1200, 10**6])))
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(min(128, reach - 1), reach)] ^= 1 << rng.integers(8)

    _alter(series, _which(rng, series), change)


def _bytes(rng: np.random.Generator, series: Damaged) -> None:
    def change(data: bytearray) -> None:
        at, count = int(rng.integers(len(data))), int(rng.integers(1, 40))
        data[at : at + count] = rng.bytes(len(data[at : at + count]))

    _alter(series, _which(rng, series), change)


def _inserted(rng: np.random.Generator, series: Damaged) -> None:
    def change(data: bytearray) -> None:
        at = int(rng.integers(len(data)))
        if rng.random() < 0.5:
            data[at:at] = rng.bytes(int(rng.integers(1, 30)))
        else:
            del data[at : at + int(rng.integers(1, 30))]

    _alter(series, _which(rng, series), change)


def _length(rng: np.random.Generator, series: Damaged) -> None:
    """The length of an element becomes another."""

    def change(data: bytearray) -> None:
        known = [
            at for at in range(132, min(len(data), 1200) - 8) if data[at + 4 : at + 6].isupper()
        ]
        if known:
            at = known[rng.integers(len(known))]
            strange = (0, 1, 2, 8, 64, 0x7FFF, 0xFFFF, int(rng.integers(2**16)))
            struct.pack_into("<H", data, at + 6, int(rng.choice(strange)))

    _alter(series, _which(rng, series), change)


def _representation(rng: np.random.Generator, series: Damaged) -> None:
    """An element gets the value representation of another kind."""

    def change(data: bytearray) -> None:
        known = [
            at for at in range(132, min(len(data), 1200) - 8) if data[at + 4 : at + 6].isupper()
        ]
        if known:
            at = known[rng.integers(len(known))] + 4
            data[at : at + 2] = str(
                rng.choice(["SQ", "FD", "US", "UN", "OB", "DS", "AT", "XX"])
            ).encode()

    _alter(series, _which(rng, series), change)


def _syntax(rng: np.random.Generator, series: Damaged) -> None:
    syntax = str(rng.choice(_SYNTAXES))

    def change(header: Dataset) -> None:
        header.file_meta.TransferSyntaxUID = UID(syntax)

    _some(rng, series, change)


def _element(rng: np.random.Generator, series: Damaged) -> None:
    """An element becomes one that programs stumble over."""
    keyword = str(rng.choice(list(_STRANGE)))
    strange = _STRANGE[keyword][rng.integers(len(_STRANGE[keyword]))]

    def change(header: Dataset) -> None:
        if strange is None:
            header.pop(keyword, None)
        else:
            setattr(header, keyword, strange)

    _some(rng, series, change)


def _padding(rng: np.random.Generator, series: Damaged) -> None:
    value, limit = rng.choice(_PADDING, 2)

    def change(header: Dataset) -> None:
        header.add_new("PixelPaddingValue", "US", int(value))
        if limit % 2:
            header.add_new("PixelPaddingRangeLimit", "US", int(limit))

    _some(rng, series, change)


def _pixels(rng: np.random.Generator, series: Damaged) -> None:
    way = rng.integers(5)

    def change(header: Dataset) -> None:
        pixels = header.get("PixelData") or b""
        half = len(pixels) // 4 * 2
        if way == 0:
            header.pop("PixelData", None)
        else:
            header.PixelData = (pixels[:half], pixels * 2, pixels + b"\0\0", pixels[2:])[way - 1]

    _some(rng, series, change)


def _nested(rng: np.random.Generator, series: Damaged) -> None:
    """Sequences in sequences."""
    depth = int(rng.choice([3, 50, 400, 3000]))
    item = struct.pack(
        "<HH2sHIHHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF
    )

    def change(data: bytearray) -> None:
        at = data.find(b"\x08\x00\x16\x00UI")
        if at > 0:
            data[at:at] = item * depth

    _alter(series, _which(rng, series), change)


def _some(rng: np.random.Generator, series: Damaged, change: Callable[[Dataset], None]) -> None:
    """A change of one header, or of all."""
    names = sorted(series.files) if rng.random() < 0.5 else [_which(rng, series)]
    for name in names:
        written = attempt(partial(_changed, series.files[name], change))
        if isinstance(written, bytes):  # what pydicom cannot write is not tried
            series.files[name] = written


def _changed(file: bytes, change: Callable[[Dataset], None]) -> bytes:
    with quiet_pydicom():
        header = pydicom.dcmread(io.BytesIO(file))
        change(header)
        buffer = io.BytesIO()
        header.save_as(buffer)
    return buffer.getvalue()


def _emptied(rng: np.random.Generator, series: Damaged) -> None:
    name = _which(rng, series)
    series.files[name] = _TEXT[rng.integers(len(_TEXT))]
    series.emptied.add(name)


def _cut(rng: np.random.Generator, series: Damaged) -> None:
    name = _which(rng, series)
    data = series.files[name]
    kept = int(rng.integers(max(len(data) - 8, 1)))  # the end of compressed pixels is 8 bytes long
    series.files[name] = data[: kept if rng.random() < 0.7 else min(kept, int(rng.integers(200)))]
    series.emptied.add(name)


def _zeroed(rng: np.random.Generator, series: Damaged) -> None:
    name = _which(rng, series)
    series.files[name] = bytes(len(series.files[name]))
    series.emptied.add(name)


def _dropped(rng: np.random.Generator, series: Damaged) -> None:
    """A file less: inside it leaves a gap, at an end nobody can know."""
    if len(series.files) > 5:
        name = _which(rng, series)
        del series.files[name]
        series.emptied.discard(name)


def _twice(rng: np.random.Generator, series: Damaged) -> None:
    series.files["IM0099"] = series.files[_which(rng, series)]


def _side_file(rng: np.random.Generator, series: Damaged) -> None:
    name = str(rng.choice(["README", "notes.txt", "VERSION", "a.pdf", ".DS_Store", "Thumbs.db"]))
    series.files[name] = rng.bytes(int(rng.choice([0, 10, 200, 2000])))


def _shuffled(rng: np.random.Generator, series: Damaged) -> None:
    names = list(series.files)
    series.files = {names[n]: series.files[names[n]] for n in rng.permutation(len(names))}


DAMAGES: tuple[Damage, ...] = (
    _bits, _bits, _bytes, _inserted, _length, _representation, _syntax, _element, _element,
    _element, _padding, _pixels, _nested, _emptied, _cut, _zeroed, _dropped, _twice, _side_file,
    _shuffled,
)  # fmt: skip


def damaged(rng: np.random.Generator, whole: Files) -> tuple[str, Damaged]:
    """One to three things happen to a series. Returns their names, and what is left of it."""
    series, names = Damaged(dict(whole)), []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        damage = DAMAGES[rng.integers(len(DAMAGES))]
        damage(rng, series)
        names.append(damage.__name__.strip("_"))
    return "+".join(names), series
