"""Archives with one damaged object: it never costs the index of the others, nor names another."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from jobs.archive.grouping.series import Series
from tests.fuzz.byte_damage import damaged
from tests.fuzz.case import Arrays, Case
from tests.support.ct_files import dicom, dicom_slices, made_hu
from tests.support.indexing import index_of
from tests.support.memory_archive import MemoryArchive

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
GOOD = "good.nii.gz"


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """A good file beside a damaged image, alone or in a .zip."""
    while True:
        slice_ = dicom_slices(made_hu((4, 4, 1)))[0]
        slice_.StudyDate = "20200131"
        slice_.file_meta.TransferSyntaxUID = SYNTAXES[rng.integers(3)]
        file = dicom(slice_)
        if rng.random() < 0.3:
            done, file = damaged(rng, file)
            yield _case(f"{done}, in a zip", "b.zip", _zipped(rng, file))
        elif rng.random() < 0.5:
            done, data = damaged(rng, _zipped(rng, file))
            yield _case(f"zip, {done}", "b.zip", data)
        else:
            done, data = damaged(rng, file)
            yield _case(done, "b/1.dcm", data)


def _zipped(rng: np.random.Generator, file: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", METHODS[rng.integers(4)]) as zipped:
        zipped.writestr(zipfile.ZipInfo("1.dcm"), file, zipped.compression)
    return buffer.getvalue()


def _case(name: str, path: str, data: bytes) -> Case:
    def run() -> Arrays:
        archive = MemoryArchive("memory://a", {"memory://a": {path: data, GOOD: b"CT"}})
        indexed = index_of(archive).series()
        assert [s.path for s in indexed] == [path.partition("/")[0], GOOD]
        return _said(indexed[1])

    return Case(name, {path: data}, run, lambda: _said(_good()))


def _good() -> Series:
    archive = MemoryArchive("memory://a", {"memory://a": {GOOD: b"CT"}})
    return replace(index_of(archive).series()[0], number=1)


def _said(series: Series) -> Arrays:
    return (np.frombuffer(repr(series).encode(), np.uint8),)
