"""DICOM series of any geometry, with labels drawn on each image, for tests of what is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from nibabel import orientations
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian

from segment_actor.grid.of_file import StoredGrid, dicom_grid
from segment_actor.layers import Layer, layer_of_whole
from segment_actor.volume import LabelArray, Shape, Volume
from tests.support.ct_files import dicom_slices, made_hu

FRAME_UID = "1.2.826.0.1.3680043.10.1234.3"


@dataclass(frozen=True)
class LabelledSeries:
    """A CT and what was drawn on it.

    Attributes:
        headers: of its images, in the order of their files.
        drawn: (images, rows, columns) uint8, what was drawn on the image of each header.
        lps: (4, 4), index (column, row, image in the order of the normal) to LPS mm.
        order: number of the header at each place along the normal.
    """

    headers: list[Dataset]
    drawn: LabelArray
    lps: npt.NDArray[np.float64]
    order: list[int]

    @property
    def along_normal(self) -> LabelArray:
        """(columns, rows, planes) uint8."""
        return self.drawn[self.order].transpose(2, 1, 0)

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """Index (column, row, plane) to RAS mm."""
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ self.lps

    @property
    def grid(self) -> StoredGrid:
        """As reading gives it."""
        return dicom_grid(Volume(np.zeros(self.along_normal.shape, np.int16), self.affine))

    def drawn_at(self, shape: Shape, affine_lps: npt.NDArray[np.float64]) -> LabelArray:
        """What was drawn at the place of each voxel of another array of the same CT.

        Args:
            shape: of that array.
            affine_lps: (4, 4), its index to LPS mm.
        """
        voxels = np.indices(shape).reshape(3, -1)
        at_mm = affine_lps[:3, :3] @ voxels + affine_lps[:3, 3:]
        place = np.linalg.solve(self.lps[:3, :3], at_mm - self.lps[:3, 3:])
        index = np.rint(place).astype(int)
        assert np.abs(place - index).max() < 1e-3
        drawn = self.along_normal
        assert ((index >= 0) & (index < np.reshape(drawn.shape, (3, 1)))).all()
        there: LabelArray = drawn[tuple(index)].reshape(shape)
        return there

    def layer(self, ids: Sequence[int], name: str = "organs") -> Layer:
        """The labels as a model gives them, in RAS."""
        to_ras = orientations.io_orientation(self.affine)
        labels = orientations.apply_orientation(self.along_normal, to_ras)
        return layer_of_whole(name, np.ascontiguousarray(labels), labels.shape, frozenset(ids))


def labelled_series(
    drawn: LabelArray,
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    spacing_mm: tuple[float, float, float] = (2, 3, 4),
    *,
    origin_mm: Sequence[float] = (-100, -50, 10),
    order: Sequence[int] | None = None,
) -> LabelledSeries:
    """A series whose images lie one step apart along their normal.

    Args:
        drawn: (planes, rows, columns) uint8, along the normal.
        orientation: of rows and columns, LPS.
        spacing_mm: distance of columns, of rows, of images.
        origin_mm: first pixel of the first plane, LPS.
        order: of the files; None is along the normal.
    """
    axes = np.reshape(orientation, (2, 3)).astype(float)
    normal = np.cross(axes[0], axes[1])
    n_planes, n_rows, n_columns = drawn.shape
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1] = axes[0] * spacing_mm[0], axes[1] * spacing_mm[1]
    lps[:3, 2], lps[:3, 3] = normal * spacing_mm[2], origin_mm
    slices = dicom_slices(made_hu((n_columns, n_rows, n_planes)), spacing_mm)
    for k, one in enumerate(slices):
        one.FrameOfReferenceUID = FRAME_UID
        one.ImageOrientationPatient = [round(float(x), 12) for x in np.ravel(axes)]
        one.ImagePositionPatient = [round(float(x), 9) for x in lps[:3, 3] + k * lps[:3, 2]]
    files = list(range(n_planes)) if order is None else list(order)
    return LabelledSeries(
        headers=[slices[k] for k in files],
        drawn=drawn[files],
        lps=lps,
        order=[files.index(k) for k in range(n_planes)],
    )


def enhanced(series: LabelledSeries) -> Dataset:
    """The header of the same CT as one multi-frame file, frames in the order of the files."""
    first = series.headers[0]
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PatientID",
                    "PatientName", "Modality", "Rows", "Columns", "ImageType"):  # fmt: skip
        setattr(one, keyword, first[keyword].value)
    one.SOPClassUID = EnhancedCTImageStorage
    one.SOPInstanceUID = "1.2.826.0.1.3680043.10.1234.4"
    one.NumberOfFrames = len(series.headers)
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = first.PixelSpacing, first.SliceThickness
    orientation.ImageOrientationPatient = first.ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    one.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for header in series.headers:
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = header.ImagePositionPatient
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    one.PerFrameFunctionalGroupsSequence = frames
    return one
