"""One NIfTI file, as bytes, to a volume.

The voxels go from the decompressor straight into the array that becomes the volume, so an int16 CT
of 512x512x600 costs its 315 MB once.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import check_grid
from segment_actor.reading.gunzip import Gunzip
from segment_actor.reading.hounsfield import to_hu
from segment_actor.reading.nifti_header import (
    SMALLEST_HEADER_BYTES,
    NiftiHeader,
    header_bytes,
    header_fields,
    is_nifti_header,
    parse_header,
    truncated_file,
)
from segment_actor.reading.packed import is_gzip
from segment_actor.volume import ExactHuArray, HuArray, Volume

NIFTI_SUFFIXES = (".nii", ".nii.gz")

MAX_IMAGE_BYTES = 2**32
"""Of the voxels as they are stored, and of what follows them: a CT of 512x512x2000 in float64. A
file of 4 MB can decompress to as much."""

_MAX_DEFLATE_RATIO = 1032  # what deflate can reach: 258 bytes from 2 bits
_SKIP_BYTES = 2**20

_Stream = io.RawIOBase | io.BytesIO


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What a file holds, whatever it means.

    Attributes:
        voxels: (I, J, K) of any real type, I fastest; not yet scaled.
        header: what the header says of them.
    """

    voxels: npt.NDArray[Any]
    header: NiftiHeader


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
    image = read_stored(data)
    hu = _hounsfield(image.voxels, image.header)
    exact_hu = _exact(image.voxels, image.header, hu) if exact else None
    return Volume(hu, image.header.affine, exact_hu)


def read_stored(data: bytes) -> StoredImage:
    """Reads a file as `read_nifti` does, but for what its values mean.

    Raises:
        SeriesError: what is wrong with the file.
    """
    with _open(data) as stream:
        raw_header = _read_header(stream)
        if not raw_header:
            raise SeriesError(
                FailureCode.EMPTY_FILE, "The file is empty (0 bytes). Export the series again."
            )
        header = parse_header(raw_header)
        check_grid(header.shape, header.affine)
        size = header.dtype.itemsize * math.prod(header.shape)
        if size > _MAX_DEFLATE_RATIO * len(data):  # before memory is asked for
            raise truncated_file()
        if size > MAX_IMAGE_BYTES:
            raise _too_much(size)
        _skip(stream, header.voxel_offset - len(raw_header))
        voxels = _read(stream, size)
        # gzip compares its checksum at the end
        if _skip(stream, MAX_IMAGE_BYTES) == MAX_IMAGE_BYTES:
            raise _too_much(2 * MAX_IMAGE_BYTES)
    if voxels.size < size:
        raise truncated_file()
    return StoredImage(voxels.view(header.dtype).reshape(header.shape, order="F"), header)


def read_header(data: bytes) -> nib.Nifti1Header:
    """The header alone, as it stands in a file that `read_nifti` takes.

    Raises:
        SeriesError: what is wrong with the file.
    """
    with _open(data) as stream:
        return header_fields(_read_header(stream))


def read_extensions(data: bytes) -> bytes:
    """What stands between the header and the voxels of a file that `read_stored` takes."""
    with _open(data) as stream:
        raw_header = _read_header(stream)
        size = parse_header(raw_header).voxel_offset - len(raw_header)
        return _read(stream, size).tobytes()


def is_nifti(data: bytes) -> bool:
    """Whether the content starts like a NIfTI file, compressed or not."""
    return is_gzip(data) or is_nifti_header(data)


def _open(data: bytes) -> _Stream:
    return Gunzip(data) if is_gzip(data) else io.BytesIO(data)


def _read_header(stream: _Stream) -> bytes:
    """All bytes of the header, of either version; fewer if the stream ends before."""
    raw = _read(stream, SMALLEST_HEADER_BYTES).tobytes()
    return raw + _read(stream, max(0, (header_bytes(raw) or 0) - len(raw))).tobytes()


def _read(stream: _Stream, size: int) -> npt.NDArray[np.uint8]:
    """The next `size` bytes; fewer if an undamaged stream ends before."""
    buffer = np.empty(size, np.uint8)
    filled = 0
    try:
        while filled < size and (got := stream.readinto(buffer.data[filled:])):
            filled += got
    except EOFError:
        raise truncated_file() from None
    return buffer[:filled]


def _skip(stream: _Stream, size: int) -> int:
    """Over `size` bytes, or all that are left. Returns how many there were."""
    skipped = 0
    while skipped < size and (got := _read(stream, min(size - skipped, _SKIP_BYTES)).size):
        skipped += got
    return skipped


def _too_much(size: int) -> SeriesError:
    return SeriesError(
        FailureCode.TOO_LARGE,
        f"Decompressed, the file has {size / 2**30:.0f} GiB or more, which no CT has. "
        "Export the series again, as whole numbers.",
    )


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
