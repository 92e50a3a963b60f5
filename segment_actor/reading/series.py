"""One series of the archive, as bytes, to one CT: the only way in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import check_grid
from segment_actor.grid.of_file import nifti_grid
from segment_actor.reading.dicom.volume import read_dicom
from segment_actor.reading.hounsfield import check_hounsfield
from segment_actor.reading.nifti import is_nifti, read_header, read_nifti
from segment_actor.reading.scan import Scan, ScanFacts
from segment_actor.reading.unzip import unzip
from segment_actor.volume import Volume

Kind = Literal["nifti", "zip", "dicom"]

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
        kind: a NIfTI file, a zip of DICOM files (or of one NIfTI file), or a folder of DICOM files.
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
    files = unzip(blob)
    images = [file for file in files.values() if is_nifti(file)]
    if not images:
        return read_dicom(list(files.values()), list(files))
    if len(images) > 1:
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            f"The zip file holds {len(images)} images. Put each image into its own file.",
        )
    return _read_nifti(images[0], exact=exact)
