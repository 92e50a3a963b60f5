"""Every bad input that can be a file, made from a good CT by one fault each.

Readers, the Ray job and the bucket are all tested with the same set: each entry must become one
failure with its code, and nothing else may happen.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset

from segment_actor.errors import FailureCode
from segment_actor.reading.series import Kind
from segment_actor.volume import Affine, HuArray
from tests.support.ct_files import (
    RAS_2MM,
    SERIES_UID,
    dicom_files,
    dicom_slices,
    made_hu,
    nifti,
    zipped,
)

XYZT_UNITS_OFFSET = 123  # of xyzt_units in a NIfTI-1 header; one byte
PIXDIM_OFFSET = 76  # of pixdim[0] in a NIfTI-1 header; float32 each
SROW_OFFSET = 280  # of srow_x[0] in a NIfTI-1 header; 3 rows of 4 float32
TEXT = b"Dear colleague, please find the CT of our patient attached.\n" * 20


@dataclass(frozen=True)
class BadInput:
    """One series of an archive that cannot be measured.

    Attributes:
        kind: how the archive's index would call it.
        blobs: objects by their path in the archive; those of a DICOM series share a folder.
        code: why it cannot be measured.
    """

    kind: Kind
    blobs: dict[str, bytes]
    code: FailureCode


def bad_inputs() -> dict[str, BadInput]:
    """All bad inputs, by name."""
    return _bad_nifti() | _bad_dicom() | _bad_zip()


def _bad_nifti() -> dict[str, BadInput]:
    hu = made_hu((16, 16, 16))
    good = nifti(hu)
    colour = np.zeros((16, 16, 16), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    sheared, singular = RAS_2MM.copy(), RAS_2MM.copy()
    sheared[:, 2] = [0.6, 0.0, 2.0, 0.0]  # 17 degrees, as with a tilted gantry
    singular[:, 2] = singular[:, 1]
    nan = np.full(hu.shape, np.nan, np.float32)
    rescaled = ((hu + 1000) / 2500).astype(np.float32)
    code = FailureCode
    made: dict[str, tuple[bytes, FailureCode]] = {
        "empty": (b"", code.EMPTY_FILE),
        "truncated": (_gzip(good)[:-2000], code.TRUNCATED_FILE),
        "text": (TEXT, code.UNREADABLE_FILE),
        "two_dimensions": (nifti(hu[:, :, 0]), code.NOT_3D),
        "four_dimensions": (nifti(np.stack([hu, hu], axis=3)), code.NOT_3D),
        "nan": (nifti(nan), code.NOT_FINITE),
        "zero_spacing": (_with_floats(good, PIXDIM_OFFSET + 4, 0.0), code.BAD_SPACING),
        "negative_spacing": (_with_floats(good, PIXDIM_OFFSET + 12, -2.0), code.BAD_SPACING),
        "singular_affine": (_with_affine(good, singular), code.BAD_AFFINE),
        "sheared_affine": (_with_affine(good, sheared), code.BAD_AFFINE),
        "single_slice": (nifti(hu[:, :, :1]), code.TOO_FEW_SLICES),
        "three_slices": (nifti(hu[:, :, :3]), code.TOO_FEW_SLICES),
        "colour": (nifti(colour), code.COLOUR_IMAGE),
        "two_orientations": (_with_two_forms(hu), code.BAD_AFFINE),
        "in_metres": (_with_byte(good, XYZT_UNITS_OFFSET, 1), code.BAD_SPACING),
        "mouse": (nifti(made_hu((100, 8, 8)), np.diag([0.1, 0.1, 0.1, 1.0])), code.BAD_SPACING),
        "clipped_to_a_window": (nifti(hu.clip(-160, 240)), code.NOT_HOUNSFIELD),
        "rescaled_to_0_1": (nifti(rescaled), code.NOT_HOUNSFIELD),
    }
    as_is = ("empty", "truncated", "text")
    return {
        name: BadInput("nifti", {f"{name}.nii.gz": data if name in as_is else _gzip(data)}, why)
        for name, (data, why) in made.items()
    }


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)  # the same bytes every time, as its object never changes


def _with_floats(data: bytes, offset: int, *values: float) -> bytes:
    changed = bytearray(data)
    struct.pack_into(f"<{len(values)}f", changed, offset, *values)
    return bytes(changed)


def _with_byte(data: bytes, offset: int, value: int) -> bytes:
    return data[:offset] + bytes([value]) + data[offset + 1 :]


def _with_two_forms(hu: HuArray) -> bytes:
    """A sform, and a qform that mirrors it."""
    image = nib.Nifti1Image(hu, RAS_2MM)
    image.set_qform(np.diag([-2.0, 2.0, 2.0, 1.0]), code=1)
    data: bytes = image.to_bytes()
    return data


def _with_affine(data: bytes, affine: Affine) -> bytes:
    """With this sform, and the spacing that goes with it."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    data = _with_floats(data, PIXDIM_OFFSET + 4, *spacing)
    return _with_floats(data, SROW_OFFSET, *affine[:3].ravel())


def _bad_dicom() -> dict[str, BadInput]:
    faults: dict[str, tuple[Callable[[list[Dataset]], None], FailureCode]] = {
        "dicom_two_series": (_two_series, FailureCode.SEVERAL_SERIES),
        "dicom_missing_slice": (_missing_slice, FailureCode.MISSING_SLICE),
        "dicom_localizer": (_localizer, FailureCode.LOCALIZER),
        "dicom_blank_uids": (_blank_uids, FailureCode.MISSING_UID),
        "dicom_shifted_sideways": (_shifted_sideways, FailureCode.BAD_AFFINE),
        "dicom_other_modality": (_other_modality, FailureCode.NOT_CT),
    }
    made = {}
    for name, (fault, code) in faults.items():
        slices = dicom_slices(made_hu((16, 16, 12)))
        fault(slices)
        files = dicom_files(slices)
        made[name] = BadInput(
            "dicom", {f"{name}/{n:04}.dcm": file for n, file in enumerate(files)}, code
        )
    *whole, _ = dicom_files(dicom_slices(made_hu((16, 16, 12))))
    lost = {f"dicom_lost_end/{n:04}.dcm": file for n, file in enumerate([*whole, b""])}
    made["dicom_lost_end"] = BadInput("dicom", lost, FailureCode.UNREADABLE_FILE)
    return made


def _two_series(slices: list[Dataset]) -> None:
    for one in slices[6:]:
        one.SeriesInstanceUID = f"{SERIES_UID}.77"


def _missing_slice(slices: list[Dataset]) -> None:
    del slices[5]


def _localizer(slices: list[Dataset]) -> None:
    slices[0].ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    slices[0].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def _blank_uids(slices: list[Dataset]) -> None:
    for one in slices:
        one.SOPInstanceUID = one.SeriesInstanceUID = one.StudyInstanceUID = ""


def _shifted_sideways(slices: list[Dataset]) -> None:
    for k, one in enumerate(slices):  # no gantry tilts that way
        one.ImagePositionPatient = [-100 + k, -50, 10 + 4 * k]


def _other_modality(slices: list[Dataset]) -> None:
    for one in slices:
        one.Modality = "MR"


def _bad_zip() -> dict[str, BadInput]:
    two_series = list(_bad_dicom()["dicom_two_series"].blobs.values())
    members = {f"IMG{n:04}": file for n, file in enumerate(two_series)}
    return {
        "zip_empty": BadInput("zip", {"zip_empty.zip": b""}, FailureCode.EMPTY_FILE),
        "zip_text": BadInput("zip", {"zip_text.zip": TEXT}, FailureCode.UNREADABLE_FILE),
        "zip_two_series": BadInput(
            "zip", {"zip_two_series.zip": zipped(members)}, FailureCode.SEVERAL_SERIES
        ),
    }
