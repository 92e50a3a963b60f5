"""One series of the archive, as bytes, to one CT: the only way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydicom import Dataset

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import check_grid
from segment_actor.grid.of_file import nifti_grid
from segment_actor.reading.dicom.choice import choose
from segment_actor.reading.dicom.volume import read_dicom
from segment_actor.reading.hounsfield import check_hounsfield
from segment_actor.reading.nifti import is_nifti, read_header, read_nifti
from segment_actor.reading.scan import Scan, ScanFacts
from segment_actor.reading.untar import untar
from segment_actor.reading.unzip import unzip
from segment_actor.volume import Volume

Kind = Literal["nifti", "zip", "tar", "dicom"]

READING_VERSION = 3
"""Part of the pipeline version: raise it when a file gives other voxels, or is refused anew."""


def read_series(
    kind: Kind,
    blobs: Sequence[bytes],
    names: Sequence[str] = (),
    *,
    exact: bool = False,
    left_out: int = 0,
    elsewhere: int = 0,
) -> Scan:
    """Reads a series and makes sure that it can be measured.

    Args:
        kind: a NIfTI file, a zip or tar of DICOM files (or of one NIfTI file), or a folder of
            DICOM files.
        blobs: contents of the series' objects; one, but for "dicom".
        names: names or paths of the objects of "dicom"; they tell a README beside the images from
            an image that was overwritten. Without them, whatever is no DICOM is refused.
        left_out: of "dicom", images of the series that belong to no volume of it and are not here.
        elsewhere: of "dicom", images of the series that are another volume of it.
        exact: keep the fractions of HU of a NIfTI file in addition to the whole numbers.

    Returns:
        The CT on its original grid.

    Raises:
        SeriesError: why it cannot be measured.
    """
    if kind == "dicom":
        scan = read_dicom(blobs, names, left_out=left_out, elsewhere=elsewhere)
    elif kind == "nifti":
        scan = _read_nifti(blobs[0], exact=exact)
    else:
        files = _unpacked(kind, blobs[0])
        nifti = _nifti_among(files)
        scan = (
            _read_nifti(nifti, exact=exact)
            if nifti is not None
            else read_dicom(list(files.values()), list(files))
        )
    check_volume(scan.volume)
    return scan


def read_one(
    kind: Kind,
    blobs: Sequence[bytes],
    names: Sequence[str] = (),
    *,
    exact: bool = False,
    number: int | None = None,
) -> tuple[Scan, Sequence[Dataset]]:
    """Reads the one CT that somebody means who names a file or folder, whatever lies beside it.

    Args:
        kind: as of `read_series`; a folder, a zip or a tar may hold several series.
        blobs: likewise.
        names: likewise.
        exact: likewise.
        number: Series Number of the CT that is meant; None leaves it to the rules of selection.

    Returns:
        The CT, and the headers of its images; none of a NIfTI file.

    Raises:
        SeriesError: which is meant cannot be told, or why it cannot be measured.
    """
    nifti = blobs[0] if kind == "nifti" else None
    if kind in {"zip", "tar"}:
        files = _unpacked(kind, blobs[0])
        blobs, names = list(files.values()), list(files)
        nifti = _nifti_among(files)
    if nifti is not None:
        scan, headers = _read_nifti(nifti, exact=exact), []
    else:
        choice = choose(blobs, names, number)
        scan, headers = choice.read(), choice.headers
    check_volume(scan.volume)
    return scan, headers


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


def _unpacked(kind: Kind, blob: bytes) -> dict[str, bytes]:
    return unzip(blob) if kind == "zip" else untar(blob)


def _nifti_among(files: Mapping[str, bytes]) -> bytes | None:
    """The NIfTI file of a zip or tar; None if there is none."""
    images = [file for file in files.values() if is_nifti(file)]
    if len(images) > 1:
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            f"The file holds {len(images)} NIfTI images. Put each image into its own file.",
        )
    return images[0] if images else None
