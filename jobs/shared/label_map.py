"""A label map read from a NIfTI file: its labels, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segment_actor.anatomy import Schema
from segment_actor.errors import SeriesError, SetupError
from segment_actor.grid.geometry import to_canonical
from segment_actor.reading.nifti import read_nifti
from segment_actor.volume import Affine, LabelArray, Shape, SpacingMm, Volume

_SPACING_DIGITS = 5
"""Digits of a spacing in mm that are kept. 1.5 mm, stored as float32 and rotated, has to be 1.5
again: with 1.5000001 mm two voxels exceed a tolerance of 3 mm."""


@dataclass(frozen=True, slots=True)
class LabelMap:
    """A label map with its place.

    Attributes:
        labels: (I, J, K) uint8 ids of a schema, in the file's order of memory.
        affine: (4, 4) float64, voxel index to RAS millimetres.
    """

    labels: LabelArray
    affine: Affine

    @property
    def shape(self) -> Shape:
        """(I, J, K) voxels."""
        i, j, k = self.labels.shape
        return i, j, k

    @property
    def spacing_mm(self) -> SpacingMm:
        """Along I, J and K, without the rounding noise of the affine."""
        lengths_mm = np.linalg.norm(self.affine[:3, :3], axis=0)
        i, j, k = (round(float(mm), _SPACING_DIGITS) for mm in lengths_mm)
        return i, j, k

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in ml, by the affine as it stands in the file."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0


def read_label_map(file: Path, schema: Schema, *, in_ras: bool = False) -> LabelMap:
    """Reads a multilabel NIfTI file.

    Args:
        file: .nii or .nii.gz.
        schema: the schema whose ids it may hold.
        in_ras: bring the axes into RAS order; else they stay as the file has them.

    Raises:
        SetupError: it cannot be read, or has values that the schema lacks. Names the file.
    """
    try:
        volume = read_nifti(file.read_bytes())
    except SeriesError as error:
        raise SetupError(f"{file}: {error.sentence}") from error
    except OSError as error:
        raise SetupError(f"cannot read {file}: {error.strerror}") from error
    _check_labels(volume, schema, file)
    if in_ras:
        volume = to_canonical(volume)
    return LabelMap(volume.hu.astype(np.uint8), volume.affine)


def _check_labels(volume: Volume, schema: Schema, file: Path) -> None:
    # bincount takes no negative numbers: the int16 are counted as the uint16 of the same bits
    bits = volume.hu.ravel(order="K").view(np.uint16)
    found = np.flatnonzero(np.bincount(bits, minlength=1)).astype(np.uint16).view(np.int16)
    unknown = sorted({int(value) for value in found} - {0, *schema.by_id})
    if unknown:
        shown = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        raise SetupError(
            f"{file} has the values {shown}, which are no labels of {schema.name}: it was made "
            "with another schema, or is no label map"
        )
