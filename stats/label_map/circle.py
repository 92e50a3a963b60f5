"""Whether what lies inside of a slice ends at a circle."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

OFF_VOXELS: Final = 1.0
"""How far from the circle an outline of whole voxels may run: half a voxel for the steps, and half
for the fit."""

ON_CIRCLE_SHARE: Final = 0.8
"""Share of the outline that runs along the circle at least. Dark streaks beside arms or a table are
clipped to the padding's value: a real CT has 0.92, an even air's edge around a phantom's body 0.49
at most."""

FITS: Final = 6
"""The circle is fitted again to the points along it, which no longer changes by then."""

FEWEST_POINTS: Final = 12
"""Four times as many as decide a circle."""

Points = npt.NDArray[np.float64]
"""(points, 2) row and column, voxels."""


def outline(inside: npt.NDArray[np.bool_]) -> Points:
    """Both ends of each row, half-way from the last voxel inside to the first one outside.

    Left out are those on the box around all, which are the image's own faces, or straight.

    Args:
        inside: (rows, columns).
    """
    rows = np.flatnonzero(inside.any(axis=1))
    low = inside[rows].argmax(axis=1)
    high = inside.shape[1] - 1 - inside[rows, ::-1].argmax(axis=1)
    left, right = low > low.min(), high < high.max()
    ends = np.concatenate([low[left] - 0.5, high[right] + 0.5])
    return np.stack([np.concatenate([rows[left], rows[right]]), ends], axis=1)


def on_a_circle(points: Points, shape: tuple[int, ...], pixel_mm: tuple[float, float]) -> bool:
    """Whether most points lie on one circle, found by least squares of those that do.

    Args:
        points: of an outline.
        shape: of the image, rows and columns. A circle whose radius exceeds its diagonal is none.
        pixel_mm: size of a voxel along both.
    """
    if len(points) < FEWEST_POINTS:
        return False
    at_mm = points * pixel_mm
    # (p - c)^2 = r^2 is linear in c and in r^2 - c^2
    linear, square = np.column_stack([2 * at_mm, np.ones(len(at_mm))]), (at_mm**2).sum(axis=1)
    on = np.ones(len(at_mm), np.bool_)
    for _ in range(FITS):
        x, y, rest = np.linalg.lstsq(linear[on], square[on])[0]
        radius_mm = np.sqrt(max(rest + x * x + y * y, 0.0))
        off_mm = np.abs(np.hypot(at_mm[:, 0] - x, at_mm[:, 1] - y) - radius_mm)
        on = off_mm <= OFF_VOXELS * max(pixel_mm)
        if on.mean() < ON_CIRCLE_SHARE / 2:
            return False
    return bool(
        on.mean() >= ON_CIRCLE_SHARE and radius_mm <= np.hypot(*np.multiply(shape, pixel_mm))
    )
