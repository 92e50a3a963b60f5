"""Texts that identify a patient, and the search for them in every byte of what was written.

A file is searched as it lies there, and as what it holds: the members of a zip, what a gzip file
unpacks to, the values of a Parquet file, the texts of a picture. A file's name counts as well.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

UID_ROOT = "1.2.826.0.1.3680043.10.4711"

PLANTED = {
    "family name": "ZZDOE",
    "given name": "ZZJANE",
    "patient id": "ZZID-4711-77",
    "birth date": "19470321",
    "birth date as a table has it": "1947-03-21",
    "birth date as people write it": "21.03.1947",
    "scan date": "20210305",
    "scan date as a table has it": "2021-03-05",
    "UID": UID_ROOT,
    "accession number": "ZZACC0815",
    "study id": "ZZSTUDYID",
    "hospital": "ZZHOSPITAL",
    "department": "ZZDEPARTMENT",
    "address": "ZZADDRESS",
    "physician": "ZZDOCTOR",
    "operator": "ZZOPERATOR",
    "station": "ZZSTATION",
    "serial number": "ZZSERIAL",
    "comment": "ZZCOMMENT",
    "private element": "ZZSECRETNOTE",
    "description": "ZZDESCRIPTION",
    "protocol": "ZZPROTOCOL",
    "maker": "ZZMAKER",
    "scanner model": "ZZMODEL",
    "kernel": "ZZKERNEL",
    "body part": "ZZBODYPART",
    "contrast agent": "ZZAGENT",
    "image type": "ZZTYPE",
    "rescale type": "ZZRESCALE",
    "folder": "ZZFOLDER",
    "file": "ZZFILE",
    "NIfTI header": "ZZNIFTI",
    "line of a table": "ZZLINE",
}
"""By what they are in a hospital. Free texts are planted too: people write names anywhere."""

DEEPEST = 4
"""Containers within containers that are unpacked."""


def found_in(data: bytes) -> set[str]:
    """Which of them are in these bytes, in capitals or not, in UTF-8 or UTF-16."""
    lower = data.lower()
    return {
        what
        for what, text in PLANTED.items()
        if text.lower().encode() in lower or text.lower().encode("utf-16-le") in lower
    }


def unpacked(data: bytes, depth: int = DEEPEST) -> Iterator[bytes]:
    """The bytes, and whatever they hold in packed form."""
    yield data
    if depth:
        for inner in _inside(data):
            yield from unpacked(inner, depth - 1)


def findings(name: str, data: bytes) -> list[str]:
    """What was found in a file, as sentences for the message of a failing test."""
    found: set[str] = set()
    for part in unpacked(data):
        found |= found_in(part)
    return [f"{what} in {name}" for what in sorted(found)]


def findings_under(folder: Path) -> tuple[int, list[str]]:
    """How many files lie there, and what was found in them and in their names."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink()]
    found = []
    for file in files:
        name = str(file.relative_to(folder))
        found += [f"{what} in the name {name}" for what in sorted(found_in(name.encode()))]
        found += findings(name, file.read_bytes())
    return len(files), found


def _inside(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            yield from map(zipped.read, zipped.namelist())
    elif data.startswith(b"PAR1"):
        table = pq.read_table(pa.BufferReader(data))
        yield repr(table.to_pylist()).encode()
        yield repr(table.schema.metadata).encode()
    elif data.startswith(b"\x89PNG"):
        yield repr(Image.open(io.BytesIO(data)).info).encode()
    elif data[:1] == b"\x78":
        try:
            yield zlib.decompress(data)
        except zlib.error:  # a file that begins with an x
            return
