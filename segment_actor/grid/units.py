"""The unit of length in a NIfTI header."""

from __future__ import annotations

import nibabel as nib

from segment_actor.errors import FailureCode, SeriesError

_LENGTH_UNITS = 8  # xyzt_units: the lower 3 bits are the unit of length, the others of time
_METRE, _MICROMETRE = 1, 3


def mm_of_unit(header: nib.Nifti1Header) -> float:
    """Millimetres of the header's unit of length; files without one are in millimetres.

    Raises:
        SeriesError: BAD_SPACING for metres. No program writes a CT in metres, and the few headers
            that say so have millimetres in them.
    """
    unit = int(header["xyzt_units"]) % _LENGTH_UNITS
    if unit == _METRE:
        raise SeriesError(
            FailureCode.BAD_SPACING,
            "The header gives lengths in metres, so the size of the voxels is not certain. "
            "Convert the series from DICOM again.",
        )
    return 1e-3 if unit == _MICROMETRE else 1.0
