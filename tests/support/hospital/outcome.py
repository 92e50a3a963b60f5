"""What a reader of an archive should find in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import nibabel as nib
import numpy as np

from segment_actor.volume import Affine, HuArray

Files = dict[str, bytes]
"""Content by path in the archive."""


@dataclass(frozen=True, eq=False)
class Truth:
    """A CT as it was made, before any file was.

    Attributes:
        hu: (columns, rows, slices).
        affine: (4, 4), voxel index to RAS millimetres.
    """

    hu: HuArray
    affine: Affine

    @property
    def n_slices(self) -> int:
        return int(self.hu.shape[2])

    def is_equal(self, hu: HuArray, affine: Affine) -> bool:
        """Whether another volume has the same voxels at the same places, in whatever order.

        0.05 mm allows for positions and for a slice distance that were written with one digit.
        """
        ours, other = (
            nib.as_closest_canonical(nib.Nifti1Image(one, at))
            for one, at in ((self.hu, self.affine), (hu, affine))
        )
        same_voxels = np.array_equal(np.asarray(ours.dataobj), np.asarray(other.dataobj))
        return same_voxels and np.allclose(ours.affine, other.affine, rtol=0, atol=0.05)


@dataclass(frozen=True)
class Expected:
    """One series that an index should list.

    Attributes:
        description: Series Description, which names it.
        images: how many images of the archive are its, each SOP Instance UID once.
        truth: what must be read; None where nothing may be.
        why_not: why it is not selected; "" if it is.
        code: why it is refused when it is read all the same; "" if it is read.
        left_out: images under its UID that belong to no volume.
        patient: whose it is, as the header says.
        exact: False where voxels are interpolated, and only their number can be told.
    """

    description: str
    images: int
    truth: Truth | None = field(default=None, repr=False)
    why_not: str = ""
    code: str = ""
    left_out: int = 0
    patient: str = ""
    exact: bool = True


@dataclass(frozen=True)
class Layout:
    """An archive and what is in it.

    Attributes:
        files: the archive.
        expected: the series that an index should list, in any order.
        not_images: files that are no image and cost nothing.
        foreign: files without a name that says so, and without DICOM in them.
        damaged: files that should be an image and cannot be read.
        links: symbolic links by path, to paths of `files`.
        empty_folders: folders with nothing in them.
    """

    files: Files
    expected: tuple[Expected, ...]
    not_images: int = 0
    foreign: int = 0
    damaged: int = 0
    links: Mapping[str, str] = field(default_factory=dict)
    empty_folders: tuple[str, ...] = ()
