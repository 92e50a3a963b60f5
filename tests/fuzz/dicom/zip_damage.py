"""What can happen to a zip of a DICOM series: to its files, or to its directory."""

from __future__ import annotations

import struct

import numpy as np

from tests.fuzz.dicom.damage import Files
from tests.support.ct_files import zipped


def damaged_zip(rng: np.random.Generator, files: Files) -> tuple[str, bytes]:
    """A zip of a series, damaged as a file: in its directory more often than by chance."""
    data = bytearray(zipped(files, int(rng.choice([0, 8, 8, 12, 14]))))
    directory = data.find(b"PK\1\2")
    way = str(rng.choice(["bits", "directory", "cut", "appended", "entry lost", "bytes"]))
    if way == "cut":
        del data[rng.integers(len(data)) :]
    elif way == "appended":
        data += rng.bytes(int(rng.integers(1, 400)))
    elif way == "entry lost":
        _lose_entry(rng, data, directory)
    elif way == "bytes":
        at, count = int(rng.integers(len(data))), int(rng.integers(1, 60))
        data[at : at + count] = rng.bytes(len(data[at : at + count]))
    else:
        first = directory if way == "directory" else 0
        for _ in range(rng.integers(1, 5)):
            data[rng.integers(first, len(data))] ^= 1 << rng.integers(8)
    return way, bytes(data)


def _lose_entry(rng: np.random.Generator, data: bytearray, directory: int) -> None:
    """An entry of the directory is cut out; the end of the zip may or may not know."""
    entries = [directory]
    while (at := data.find(b"PK\1\2", entries[-1] + 1)) > 0:
        entries.append(at)
    entries.append(data.rindex(b"PK\5\6"))
    n = int(rng.integers(len(entries) - 1))
    size = entries[n + 1] - entries[n]
    del data[entries[n] : entries[n + 1]]
    if rng.random() < 0.7:
        end = data.rindex(b"PK\5\6")
        (directory_bytes,) = struct.unpack_from("<I", data, end + 12)
        struct.pack_into("<I", data, end + 12, directory_bytes - size)
