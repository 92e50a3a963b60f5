"""Stored pixel values to Hounsfield units, and whether they can be Hounsfield units at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.volume import HuArray

AIR_HU = -1024
"""What a voxel outside the scanner's field of view becomes: the usual CT's lowest value."""

SMALLEST_RANGE_HU = 100
"""Fat lies at -100 HU and muscle at +50: no part of a body has a range below this."""

FAT_HU = -50
"""Fat and all that is darker lies below; soft tissue, bone, contrast and water lie above."""

SMALLEST_FAT_SHARE = 0.001
"""Every body has fat, and the room around it is air. An MR's interpolation undershoots
below -20 in 0.02 % of its voxels (measured)."""

_INT16 = np.iinfo(np.int16)


def to_hu(stored: npt.NDArray[Any], slope: float, intercept: float) -> HuArray:
    """`stored * slope + intercept`, rounded and clipped to int16.

    Uses float64 of the whole input, so large volumes come slice by slice.

    Raises:
        SeriesError: NOT_FINITE for NaN or infinity.
    """
    if (slope, intercept) == (1.0, 0.0) and np.can_cast(stored.dtype, np.int16):
        return stored.astype(np.int16, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):  # refused two lines below
        hu = stored.astype(np.float64) * slope + intercept
    if not np.isfinite(hu).all():
        raise SeriesError(
            FailureCode.NOT_FINITE,
            "The image has voxels without a value (NaN or infinite). "
            "Convert the series from DICOM again.",
        )
    return np.clip(np.rint(hu), _INT16.min, _INT16.max).astype(np.int16)


def check_hounsfield(hu: HuArray) -> None:
    """Refuses values that are not Hounsfield units.

    Two rules, chosen to spare every real CT. A range below 100 HU: rescaled to 0..1 or -1..1,
    z-scores, HU / 1000, a constant. Hardly a voxel as dark as fat: an 8-bit picture, an MR, a CT
    without its intercept of -1024. A head, or a crop of the abdomen without air, still has fat.

    Raises:
        SeriesError: NOT_HOUNSFIELD.
    """
    low, high = int(hu.min()), int(hu.max())
    dark = sum(np.count_nonzero(hu[:, :, k] < FAT_HU) for k in range(hu.shape[2]))
    if high - low >= SMALLEST_RANGE_HU and dark >= SMALLEST_FAT_SHARE * hu.size:
        return
    raise SeriesError(
        FailureCode.NOT_HOUNSFIELD,
        f"The values run from {low} to {high} and cannot be Hounsfield units, where air is -1000 "
        "and fat -100. Export the original CT, not a rescaled copy or another modality.",
    )
