"""Headers for those who need nothing else: all of them, and no pixels on the way."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from jobs.archive.fetch import fetch, headers_of
from jobs.archive.grouping.series import File
from segment_actor.errors import FailureCode, SeriesError
from tests.support.ct_files import dicom, dicom_files, dicom_slices, made_hu, nifti, zipped
from tests.support.dicom_series import enhanced, labelled_series
from tests.support.hospital.files import as_tar
from tests.support.memory_archive import MemoryArchive
from tests.support.tiny_cohort import Objects

URI = "memory://archive"


@dataclass(frozen=True)
class WatchedArchive(MemoryArchive):
    """Notes what it is asked for.

    Attributes:
        starts: bytes asked for of each object, in order.
        opened: paths.
        whole: paths of objects of which all was fetched.
    """

    starts: list[tuple[str, int]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)

    def get(self, path: str) -> bytes:
        self.whole.append(path)
        return super().get(path)

    def start(self, path: str, n_bytes: int) -> bytes:
        self.starts.append((path, n_bytes))
        return self.server[self.uri][path][:n_bytes]

    def open(self, path: str) -> BinaryIO:
        self.opened.append(path)
        return io.BytesIO(self.server[self.uri][path])


def watched(objects: Objects) -> WatchedArchive:
    return WatchedArchive(URI, {URI: objects})


def slices(n_slices: int = 3) -> list[Dataset]:
    return dicom_slices(made_hu((8, 8, n_slices)))


def multi_frame(n_frames: int = 300) -> bytes:
    """With 300 frames the header alone is longer than the first 64 KiB."""
    one = enhanced(labelled_series(np.zeros((n_frames, 8, 8), np.uint8)))
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.PixelData = bytes(2 * 8 * 8 * n_frames)
    return dicom(one)


def without_pixels(file: bytes) -> Dataset:
    """As pydicom itself reads it, without what is a maker's own."""
    header = pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True)
    header.remove_private_tags()
    return header


def test_of_an_image_on_its_own_the_start_alone_is_fetched() -> None:
    files = dicom_files(slices())
    archive = watched({f"{n}.dcm": file for n, file in enumerate(files)})
    headers = headers_of(archive, [File(f"{n}.dcm") for n in range(3)])
    assert headers == [without_pixels(file) for file in files]
    assert archive.starts == [(f"{n}.dcm", 2**16) for n in range(3)]
    assert (archive.opened, archive.whole) == ([], [])


def test_more_is_fetched_where_an_element_of_a_maker_lies_before_the_pixels() -> None:
    one = slices()[0]
    one.private_block(0x0029, "MAKER", create=True).add_new(1, "OB", bytes(200_000))
    archive = watched({"image": dicom(one)})
    assert headers_of(archive, [File("image")]) == [without_pixels(dicom(one))]
    assert archive.starts == [("image", 2**16), ("image", 2**20)]


def test_a_deflated_image_is_unpacked() -> None:
    one = slices()[0]
    one.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    archive = watched({"image": dicom(one)})
    (header,) = headers_of(archive, [File("image")])
    assert header.SOPInstanceUID == one.SOPInstanceUID


CONTAINERS: dict[str, Callable[[Objects], bytes]] = {
    "stored zip": lambda files: zipped(files, zipfile.ZIP_STORED),
    "deflated zip": zipped,
    "bzip2 zip": lambda files: zipped(files, zipfile.ZIP_BZIP2),
    "tar": lambda files: as_tar(files, "w"),
    "tar.gz": lambda files: as_tar(files, "w:gz"),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_container_is_opened_once_and_never_fetched_whole(kind: str) -> None:
    files = {f"ct/{n}": file for n, file in enumerate(dicom_files(slices(4)))}
    archive = watched({"study": CONTAINERS[kind](files | {"README": b"text"})})
    wanted = ["ct/2", "ct/0", "ct/3"]
    headers = headers_of(archive, [File("study", name) for name in wanted])
    assert sorted(headers, key=lambda one: str(one.SOPInstanceUID)) == [
        without_pixels(files[name]) for name in sorted(wanted)
    ]
    assert (archive.opened, archive.starts, archive.whole) == (["study"], [], [])


@pytest.mark.parametrize("member", [None, "ct"])
def test_of_an_enhanced_ct_all_frames_are_told_without_its_pixels(member: str | None) -> None:
    file = multi_frame()
    archive = watched({"object": zipped({"ct": file}) if member else file})
    (header,) = headers_of(archive, [File("object", member)])
    assert len(header.PerFrameFunctionalGroupsSequence) == 300
    assert "PixelData" not in header
    assert archive.whole == []


def test_the_headers_are_those_of_the_files_that_are_fetched() -> None:
    files = {f"{n}": file for n, file in enumerate(dicom_files(slices(4)))}
    archive = watched({"zip": zipped(files), "alone": multi_frame(4), "zip2": zipped(files)})
    named = [File("zip", "1"), File("alone"), File("zip2", "0"), File("zip2", "3")]
    assert headers_of(archive, named) == [without_pixels(one) for one in fetch(archive, named)]


@pytest.mark.parametrize("content", [b"", nifti(made_hu()), b"text"])
def test_what_is_no_dicom_has_no_header(content: bytes) -> None:
    assert headers_of(watched({"file": content}), [File("file")]) == []


@pytest.mark.parametrize("content", [zipped({"other": b""}), as_tar({"other": b""}, "w"), b"gone"])
def test_a_file_that_is_no_longer_in_its_container_is_said_to_be_gone(content: bytes) -> None:
    with pytest.raises(SeriesError) as caught:
        headers_of(watched({"object": content}), [File("object", "secret name")])
    assert caught.value.code is FailureCode.VANISHED
    assert "secret" not in caught.value.sentence
