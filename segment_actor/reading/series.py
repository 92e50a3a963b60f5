"""One series of the archive, as bytes, to one CT: the only way in."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import Literal

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import check_grid
from segment_actor.grid.of_file import nifti_grid
from segment_actor.reading.dicom.volume import read_dicom
from segment_actor.reading.hounsfield import check_hounsfield
from segment_actor.reading.nifti import is_nifti, read_header, read_nifti
from segment_actor.reading.scan import Scan, ScanFacts
from segment_actor.volume import Volume

Kind = Literal["nifti", "zip", "dicom"]

READING_VERSION = 2
"""Part of the pipeline version: raise it when a file gives other voxels, or is refused anew."""

MAX_UNZIPPED_BYTES = 4 * 2**30
"""Twice the largest CT that is read. A zip bomb declares more, or stops at what it declared."""

_ENCRYPTED = 0x1  # general purpose flag bit 0 of a zip entry


def read_series(kind: Kind, blobs: Sequence[bytes], *, exact: bool = False) -> Scan:
    """Reads a series and makes sure that it can be measured.

    Args:
        kind: a NIfTI file, a zip of DICOM files (or of one NIfTI file), or a folder of DICOM files.
        blobs: contents of the series' objects; one, but for "dicom".
        exact: keep the fractions of HU of a NIfTI file in addition to the whole numbers.

    Returns:
        The CT on its original grid.

    Raises:
        SeriesError: why it cannot be measured.
    """
    if kind == "dicom":
        scan = read_dicom(blobs)
    elif kind == "zip":
        scan = _read_zip(blobs[0], exact=exact)
    else:
        scan = _read_nifti(blobs[0], exact=exact)
    check_volume(scan.volume)
    return scan


def check_volume(volume: Volume) -> None:
    """Refuses a volume whose measurements would mean nothing.

    Raises:
        SeriesError: TOO_FEW_SLICES, TOO_LARGE, BAD_AFFINE, BAD_SPACING or NOT_HOUNSFIELD.
    """
    check_grid(volume.shape, volume.affine)
    check_hounsfield(volume.hu)


def _read_nifti(blob: bytes, *, exact: bool) -> Scan:
    volume = read_nifti(blob, exact=exact)
    return Scan(volume, ScanFacts(), nifti_grid(volume, read_header(blob)))


def _read_zip(blob: bytes, *, exact: bool) -> Scan:
    files = _unzip(blob)
    images = [file for file in files if is_nifti(file)]
    if not images:
        return read_dicom(files)
    if len(images) > 1:
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            f"The zip file holds {len(images)} images. Put each image into its own file.",
        )
    return _read_nifti(images[0], exact=exact)


def _unzip(blob: bytes) -> list[bytes]:
    """Contents of all files of a zip, in memory; nothing is written to disk."""
    if not blob:
        raise SeriesError(
            FailureCode.EMPTY_FILE, "The file is empty (0 bytes). Export the series again."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
            _check_entries(entries)
            return [archive.read(entry) for entry in entries]
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,  # a compression method that Python does not know
        OSError,  # an offset before the start of the file
        OverflowError,
        ValueError,
        lzma.LZMAError,
        struct.error,
        zlib.error,
    ):
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The zip file is damaged or not a zip file. Copy or export it again.",
        ) from None


def _check_entries(entries: Sequence[zipfile.ZipInfo]) -> None:
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The zip file has a password. Export the series without one.",
        )
    unzipped = sum(entry.file_size for entry in entries)
    if unzipped > MAX_UNZIPPED_BYTES:
        raise SeriesError(
            FailureCode.TOO_LARGE,
            f"The zip file unpacks to {unzipped / 2**30:.0f} GiB, more than any CT has. "
            "Put each series into its own zip file.",
        )
