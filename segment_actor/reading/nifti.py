"""One NIfTI file, as bytes, to a volume.

The voxels go from the decompressor straight into the array that becomes the volume, so an int16 CT
of 512x512x600 costs its 315 MB once.
"""

from __future__ import annotations

import gzip
import io
import math
from typing import Any, cast

import nibabel as nib
import numpy as np
import numpy.typing as npt
from isal import igzip, isal_zlib

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import check_grid
from segment_actor.reading.hounsfield import to_hu
from segment_actor.reading.nifti_header import (
    HEADER_BYTES,
    NiftiHeader,
    header_fields,
    is_nifti_header,
    parse_header,
    truncated_file,
)
from segment_actor.volume import ExactHuArray, HuArray, Volume

GZIP_MAGIC = b"\x1f\x8b"

_IsalError = cast("type[Exception]", isal_zlib.error)  # isal's own stub calls it an instance
_MAX_DEFLATE_RATIO = 1032  # what deflate can reach: 258 bytes from 2 bits
_CHUNK_BYTES = 2**22  # of one read; igzip copies what it reads, and the copy should stay small


def read_nifti(data: bytes, *, exact: bool = False) -> Volume:
    """Reads .nii or .nii.gz (told apart by content), NIfTI-1 or -2, of either byte order.

    Orientation is nibabel's rule: the sform where its code is set, else the qform. A file with
    neither is refused, because left and right would be a guess.

    Args:
        data: the file.
        exact: keep the fractions of HU too, where the file has any.

    Returns:
        The volume as it was stored; `hu` in the file's memory order, I fastest.

    Raises:
        SeriesError: what is wrong with the file.
    """
    with _open(data) as stream:
        raw_header = _read(stream, 0, HEADER_BYTES).tobytes()
        if not raw_header:
            raise SeriesError(
                FailureCode.EMPTY_FILE, "The file is empty (0 bytes). Export the series again."
            )
        header = parse_header(raw_header)
        check_grid(header.shape, header.affine)
        size = header.dtype.itemsize * math.prod(header.shape)
        if size > _MAX_DEFLATE_RATIO * len(data):  # before memory is asked for
            raise truncated_file()
        voxels = _read(stream, header.voxel_offset, size)
    if voxels.size < size:
        raise truncated_file()
    stored = voxels.view(header.dtype).reshape(header.shape, order="F")
    hu = _hounsfield(stored, header)
    return Volume(hu, header.affine, _exact(stored, header, hu) if exact else None)


def read_header(data: bytes) -> nib.Nifti1Header:
    """The header alone, as it stands in a file that `read_nifti` takes.

    Raises:
        SeriesError: what is wrong with the file.
    """
    with _open(data) as stream:
        return header_fields(_read(stream, 0, HEADER_BYTES).tobytes())


def is_nifti(data: bytes) -> bool:
    """Whether the content starts like a NIfTI file, compressed or not."""
    return data[:2] == GZIP_MAGIC or is_nifti_header(data)


def _open(data: bytes) -> io.BufferedIOBase:
    plain = io.BytesIO(data)
    return igzip.IGzipFile(fileobj=plain) if data[:2] == GZIP_MAGIC else plain


def _read(stream: io.BufferedIOBase, start: int, size: int) -> npt.NDArray[np.uint8]:
    """Up to `size` bytes from `start` on; fewer if an undamaged stream ends before."""
    buffer = np.empty(size, np.uint8)
    filled = 0
    try:
        stream.seek(start)
        while got := stream.readinto(buffer.data[filled : filled + _CHUNK_BYTES]):
            filled += got
        stream.read(1)  # gzip compares its checksum only when it meets the end
    except EOFError:
        raise truncated_file() from None
    except (gzip.BadGzipFile, _IsalError):
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The compressed file is damaged (its checksum is wrong). Copy or export it again.",
        ) from None
    return buffer[:filled]


def _hounsfield(stored: npt.NDArray[Any], header: NiftiHeader) -> HuArray:
    """(I, J, K) stored values to HU; slice by slice where they must be computed."""
    if (header.slope, header.intercept) == (1.0, 0.0) and np.can_cast(stored.dtype, np.int16):
        return stored.astype(np.int16, copy=False)
    hu = np.empty(stored.shape, np.int16, order="F")
    for k in range(stored.shape[2]):
        hu[:, :, k] = to_hu(stored[:, :, k], header.slope, header.intercept)
    return hu


def _exact(stored: npt.NDArray[Any], header: NiftiHeader, hu: HuArray) -> ExactHuArray | None:
    """As nibabel's get_fdata computes it; None where `hu` is the same."""
    whole = header.slope.is_integer() and header.intercept.is_integer()
    if whole and np.issubdtype(stored.dtype, np.integer):
        return None
    exact = stored.astype(np.float64) * header.slope + header.intercept
    return None if np.array_equal(exact, hu) else exact
