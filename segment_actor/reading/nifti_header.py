"""The NIfTI header: what it says about the grid, and which headers are refused.

nibabel knows the fields. Its repairs are switched off: it would turn a spacing of 0 into 1 and drop
a minus sign, and the volumes of all structures would be wrong with no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.geometry import check_orientation, check_spacing, spacing_of
from segment_actor.grid.units import mm_of_unit
from segment_actor.volume import Affine, Shape

_Fields = nib.Nifti1Header  # Nifti2Header is a subclass

_VERSIONS: dict[int, type[Any]] = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
"""Header class by the size in bytes that a header gives itself, the first field of both."""

SMALLEST_HEADER_BYTES = min(_VERSIONS)

_EOL_CHECKS = [[13, 10, 26, 10], [0, 0, 0, 0]]
"""Of version 2: another value tells that a transfer has changed line ends, in the voxels too."""

EXTENSION_MARK_BYTES = 4
"""Behind the header of a single file: whether extensions follow."""

MAX_VOXEL_OFFSET = 2**26
"""64 MiB of header extensions; real ones have kilobytes."""

SPACING_TOLERANCE = 0.01
"""Relative difference of pixdim and sform, which both say the voxel size; some tools round pixdim
to 2 digits."""

FORM_CODES = frozenset(range(6))
"""Of the standard: what the coordinates of a form mean; 0: it does not count."""

SMALLEST_FORM_COSINE = 0.7
"""Between one axis of the image by the qform and by the sform: 45 degrees."""


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """What is needed to turn the bytes behind the header into a volume.

    Attributes:
        shape: (I, J, K) voxels.
        dtype: type of the stored voxels, with its byte order.
        affine: (4, 4), voxel index to RAS millimetres.
        voxel_offset: bytes from the start of the file to the first voxel.
        slope: stored value to HU.
        intercept: HU of the stored value 0.
    """

    shape: Shape
    dtype: np.dtype[Any]
    affine: Affine
    voxel_offset: int
    slope: float
    intercept: float


def is_nifti_header(raw: bytes) -> bool:
    """Whether the first bytes are those of a NIfTI or Analyze header."""
    return header_bytes(raw) is not None


def parse_header(raw: bytes) -> NiftiHeader:
    """Reads a header of either version and byte order.

    Args:
        raw: the first bytes of the file, decompressed, as many as the header has or more; fewer if
            the file ends before.

    Raises:
        SeriesError: what is wrong with it.
    """
    fields = header_fields(raw)
    with np.errstate(all="ignore"):  # any bits may stand in a damaged field; all are checked
        return _checked_header(fields)


def _checked_header(fields: _Fields) -> NiftiHeader:
    try:
        slope, intercept = fields.get_slope_inter()  # (None, None): not scaled
        dtype = fields.get_data_dtype()
    except (HeaderDataError, KeyError):  # KeyError: a data type that the standard does not have
        raise _damaged_header() from None
    return NiftiHeader(
        shape=_shape(fields),
        dtype=_checked_dtype(dtype),
        affine=_affine(fields),
        voxel_offset=_voxel_offset(fields),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
    )


def header_bytes(raw: bytes) -> int | None:
    """Size of the header that begins with these bytes; None if it is no NIfTI header."""
    sizes = (int.from_bytes(raw[:4], "little"), int.from_bytes(raw[:4], "big"))
    return next((size for size in sizes if size in _VERSIONS), None)


def header_fields(raw: bytes) -> _Fields:
    """The header in nibabel's type, every field as it was stored.

    Raises:
        SeriesError: the bytes are not the beginning of a single-file NIfTI image.
    """
    size = header_bytes(raw)
    if size is None:
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The file is not a NIfTI image, whatever its name says. Export the series again.",
        )
    if len(raw) < size:
        raise truncated_file()
    fields: _Fields = _VERSIONS[size](raw[:size], check=False)
    if fields["magic"].item() != fields.single_magic:
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The file is a header without its image (one of an .hdr/.img pair, or Analyze). "
            "Convert it to a single .nii.gz file.",
        )
    if "eol_check" in fields.keys() and fields["eol_check"].tolist() not in _EOL_CHECKS:  # noqa: SIM118  # a header's own `in` looks at its values
        raise _damaged_header()
    return fields


def _shape(fields: _Fields) -> Shape:
    count, *sizes = (int(n) for n in fields["dim"])
    sizes = sizes[:count]
    if not 1 <= count <= 7 or min(sizes) < 1:
        raise _damaged_header()
    while len(sizes) > 3 and sizes[-1] == 1:  # many tools write a 3-D image as (I, J, K, 1)
        sizes.pop()
    if len(sizes) != 3:
        raise SeriesError(
            FailureCode.NOT_3D,
            f"The image has {len(sizes)} dimensions ({' x '.join(map(str, sizes))}) and a CT has "
            "3. Export one CT volume.",
        )
    i, j, k = sizes
    return i, j, k


def _checked_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.fields:
        raise SeriesError(
            FailureCode.COLOUR_IMAGE,
            "The image is in colour (a screenshot or an overlay), not a CT. "
            "Export the original series.",
        )
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The voxels are neither whole nor ordinary decimal numbers. Export the series again.",
        )
    return dtype


def _affine(fields: _Fields) -> Affine:
    """By nibabel's rule: the sform where its code is set, else the qform. In mm."""
    mm = mm_of_unit(fields)
    pixdim_mm = fields["pixdim"][1:4].astype(np.float64) * mm
    check_spacing(pixdim_mm)
    if not {int(fields["sform_code"]), int(fields["qform_code"])} <= FORM_CODES:
        raise _damaged_header()
    if fields["sform_code"] == 0 and fields["qform_code"] == 0:
        raise SeriesError(
            FailureCode.BAD_AFFINE,
            "The header does not say how the image lies in the patient, so left and right are "
            "unknown. Convert the series from DICOM again.",
        )
    _check_forms(fields)
    if fields["pixdim"][0] not in (-1.0, 1.0):  # the standard: anything else counts as 1
        fields["pixdim"][0] = 1.0
    try:
        affine = np.array(fields.get_best_affine(), np.float64)
    except (HeaderDataError, ValueError):  # a rotation that is none
        raise _damaged_header() from None
    affine[:3] *= mm
    check_orientation(affine)  # first, because a singular affine disagrees with pixdim, too
    spacing_mm = spacing_of(affine)
    if not np.allclose(spacing_mm, pixdim_mm, rtol=SPACING_TOLERANCE, atol=0.0):
        one, other = (" x ".join(f"{mm:.4g}" for mm in s) for s in (pixdim_mm, spacing_mm))
        raise SeriesError(
            FailureCode.BAD_SPACING,
            f"The header gives two voxel sizes, {one} mm and {other} mm. "
            "Convert the series from DICOM again.",
        )
    return affine


def _check_forms(fields: _Fields) -> None:
    """Refuses a qform and a sform that contradict each other.

    They may differ by as much as a registration turns a patient, not by a mirror or a quarter turn:
    then one of the two takes left for right, and nothing tells which.
    """
    if fields["sform_code"] == 0 or fields["qform_code"] == 0:
        return
    either_sign = fields["pixdim"][0] not in (-1.0, 1.0)  # of the third axis in the qform
    known = fields.copy()
    if either_sign:
        known["pixdim"][0] = 1.0
    try:
        qform, sform = known.get_qform()[:3, :3], known.get_sform()[:3, :3]
    except (HeaderDataError, ValueError):  # the qform is none, and the sform counts
        return
    cosines = (qform / spacing_of(qform) * (sform / spacing_of(sform))).sum(axis=0)
    if either_sign:
        cosines[2] = abs(cosines[2])
    if (cosines < SMALLEST_FORM_COSINE).any():
        raise SeriesError(
            FailureCode.BAD_AFFINE,
            "The header says twice how the image lies in the patient (qform and sform). The two "
            "contradict each other, so left and right are unknown. "
            "Convert the series from DICOM again.",
        )


def _voxel_offset(fields: _Fields) -> int:
    offset = float(fields["vox_offset"])
    if not float(fields["sizeof_hdr"]) + EXTENSION_MARK_BYTES <= offset <= MAX_VOXEL_OFFSET:
        raise _damaged_header()
    return int(offset)


def truncated_file() -> SeriesError:
    """For a file that is shorter than its header, or shorter than its header says."""
    return SeriesError(
        FailureCode.TRUNCATED_FILE,
        "The file ends before the image does; a copy was probably interrupted. Copy it again.",
    )


def _damaged_header() -> SeriesError:
    return SeriesError(
        FailureCode.UNREADABLE_FILE, "The file's header is damaged. Export the series again."
    )
