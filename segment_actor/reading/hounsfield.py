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

NO_AIR_HU = -900
"""A CT whose lowest value lies above shows no air: what is at that value is not air cut off at
-1000 or -1024, as most CTs have it. Windows for bone begin between (-770 for a level of 480 and a
width of 2500), and a lung of -816 cut off there passed every check (measured)."""

METAL_HU = 1000
"""Scanners cut off above, mostly at 3071, some at 1300: metal and dense bone have that value."""

CLIPPED_LOW_SHARE = 0.01
"""Of all voxels. A window of -160..240 cuts off 38 % below, and a CT without air nothing (measured,
as below: abdomen and pelvis)."""

CLIPPED_HIGH_SHARE = 0.003
"""Of the voxels brighter than fat. A window that ends at 400 cuts off 1.6 % of these, at 700 0.4 %;
in CTs that were not clipped at most 0.01 % have the highest value."""

FILLED_SHARE = 0.1
"""Of all voxels, at a highest value that metal may have. The corners outside of a round field of
view, filled with 3071, are 21 %. A sphere of 50 mm, about the joint of an artificial hip, is 13 %
of a crop of 80 mm (computed): metal alone does not tell."""

FILLED_CORNERS = 4
"""Of the 8 of the image, which metal does not reach: a fill does, and half of them in a crop that
has cut one side of the round field of view."""

FEWEST_CLIPPED = 100
"""Voxels at one end of the range below which a share says nothing, in a small crop."""

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

    Three rules, chosen to spare every real CT:

    - A range below 100 HU: rescaled to 0..1 or -1..1, z-scores, HU / 1000, a constant.
    - Hardly a voxel as dark as fat: an 8-bit picture, an MR, a CT without its intercept of -1024. A
      head, or a crop of the abdomen without air, still has fat. The lowest value does not count
      where many have it: it may be the fill around an image that has none.
    - Many voxels at exactly the lowest or the highest value, where neither air nor metal explains
      it: a CT that was clipped to a window before it was saved.

    Raises:
        SeriesError: NOT_HOUNSFIELD.
    """
    low, high = int(hu.min()), int(hu.max())
    planes = [hu[:, :, k] for k in range(hu.shape[2])]
    dark = sum(np.count_nonzero(plane < FAT_HU) for plane in planes)
    lowest = sum(np.count_nonzero(plane == low) for plane in planes)
    highest = sum(np.count_nonzero(plane == high) for plane in planes)
    fill = lowest if low < FAT_HU and lowest > FEWEST_CLIPPED else 0
    if high - low < SMALLEST_RANGE_HU or dark - fill < SMALLEST_FAT_SHARE * (hu.size - fill):
        raise SeriesError(
            FailureCode.NOT_HOUNSFIELD,
            f"The values run from {low} to {high} and cannot be Hounsfield units, where air is "
            "-1000 and fat -100. Export the original CT, not a rescaled copy or another modality.",
        )
    if low > NO_AIR_HU and lowest > max(FEWEST_CLIPPED, CLIPPED_LOW_SHARE * hu.size):
        raise _cut_off(low)
    if high < METAL_HU and highest > max(FEWEST_CLIPPED, CLIPPED_HIGH_SHARE * (hu.size - dark)):
        raise _cut_off(high)
    corners = np.count_nonzero(hu[np.ix_((0, -1), (0, -1), (0, -1))] == high)
    if highest > max(FEWEST_CLIPPED, FILLED_SHARE * hu.size) and corners >= FILLED_CORNERS:
        raise SeriesError(
            FailureCode.NOT_HOUNSFIELD,
            f"{highest / hu.size:.0%} of the image have its highest value, {high}, as where a fill "
            "was put around a round field of view, and air is -1000. Export the original CT.",
        )


def _cut_off(hu: int) -> SeriesError:
    return SeriesError(
        FailureCode.NOT_HOUNSFIELD,
        f"The values were cut off at {hu}, as in a copy that was made for one window. What lies "
        "beyond is lost. Export the original CT.",
    )
