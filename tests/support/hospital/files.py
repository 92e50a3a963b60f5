"""How images become files of an archive: their names, their folders and what holds many."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from tests.support.ct_files import zipped
from tests.support.hospital.images import Series
from tests.support.hospital.outcome import Files

Naming = Callable[[int, Dataset], str]


def numbered(k: int, _: Dataset) -> str:
    """As most exports have it."""
    return f"IM{k:05}.dcm"


def random_name(_: int, one: Dataset) -> str:
    """Sixteen hexadecimal digits without an ending, of which nobody can tell the order."""
    return hashlib.sha256(str(one.SOPInstanceUID).encode()).hexdigest()[:16].upper()


def by_uid(_: int, one: Dataset) -> str:
    """As a storage SCP has it; what follows the last point looks like an ending."""
    return str(one.SOPInstanceUID)


def file_of(one: Dataset) -> bytes:
    """A DICOM file as PS3.10 wants it."""
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    buffer = io.BytesIO()
    one.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def laid(folder: str, images: Iterable[Dataset], name: Naming = numbered) -> Files:
    """Files of one folder; "" is the archive itself."""
    at = f"{folder}/" if folder else ""
    return {f"{at}{name(k, one)}": file_of(one) for k, one in enumerate(images)}


def flat(folder: str, series: Iterable[Series]) -> Files:
    """Everything in one folder, mixed."""
    files = laid(folder, [one for each in series for one in each.images], random_name)
    return dict(sorted(files.items()))


def as_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files."""
    return zipped(files, method)


def as_tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """A tar of these files; "w:gz" packs it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def as_cd(series: Iterable[Series]) -> Files:
    """A medium with the directory that pydicom writes, names of eight characters and all."""
    medium = FileSet()
    for each in series:
        for one in each.images:
            medium.add(pydicom.dcmread(io.BytesIO(file_of(one))))
    with tempfile.TemporaryDirectory() as folder:
        medium.write(folder)
        medium._stage["t"].cleanup()  # pydicom leaves it to the garbage collector, with a warning
        root = Path(folder)
        return {
            str(file.relative_to(root)): file.read_bytes()
            for file in sorted(root.rglob("*"))
            if file.is_file()
        }
