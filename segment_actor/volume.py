"""A CT volume: voxels and their place in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HuArray = npt.NDArray[np.int16]
"""(I, J, K) int16, Hounsfield units."""

ExactHuArray = npt.NDArray[np.float64]
"""(I, J, K) float64, Hounsfield units with their fractions."""

LabelArray = npt.NDArray[np.uint8]
"""(I, J, K) uint8, label ids of a schema; 0 is background."""

N_LABEL_VALUES = 2**8
"""Values that a voxel of a `LabelArray` can have: the length of every table indexed by a label."""

Affine = npt.NDArray[np.float64]
"""(4, 4) float64, voxel index to RAS millimetres (the NIfTI convention)."""

FloatArray = npt.NDArray[np.float32]
"""float32 of any shape: HU between two whole numbers, logits, weights, light."""

Shape = tuple[int, int, int]
"""Voxels along three axes, (I, J, K) unless the name says otherwise."""

SpacingMm = tuple[float, float, float]
"""Distance of neighbouring voxel centres along three axes, mm."""

Box = tuple[slice, slice, slice]
"""A box of voxels: a stretch of each of three axes."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One CT.

    Attributes:
        hu: (I, J, K) int16, Hounsfield units.
        affine: (4, 4) float64, voxel index to RAS millimetres.
        exact_hu: (I, J, K) float64, what `hu` was rounded from; None where nothing was lost, or
            nobody asked for it.
    """

    hu: HuArray
    affine: Affine
    exact_hu: ExactHuArray | None = None

    def __post_init__(self) -> None:
        if self.hu.ndim != 3 or self.hu.dtype != np.int16:
            raise ValueError(f"hu must be (I, J, K) int16, got {self.hu.shape} {self.hu.dtype}")
        if self.affine.shape != (4, 4) or self.affine.dtype != np.float64:
            raise ValueError(
                f"affine must be (4, 4) float64, got {self.affine.shape} {self.affine.dtype}"
            )
        if self.exact_hu is not None and self.exact_hu.shape != self.hu.shape:
            raise ValueError(f"exact_hu is {self.exact_hu.shape}, hu is {self.hu.shape}")

    @property
    def shape(self) -> Shape:
        """(I, J, K) voxels."""
        i, j, k = self.hu.shape
        return i, j, k

    @property
    def spacing_mm(self) -> SpacingMm:
        """Distance of neighbouring voxel centres along I, J and K, in mm."""
        i, j, k = (float(x) for x in np.linalg.norm(self.affine[:3, :3], axis=0))
        return i, j, k

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres: |det| of the affine's 3x3 block / 1000."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0
