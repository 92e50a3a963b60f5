"""Where the planes of a label map lie in the patient, and which images they belong to.

Labels lie on a regular grid. Scanners round positions, and a tilted gantry shifts each image
against the last, which reading straightens. A result is written on the grid, and says of each
image whether it lies in place there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from highdicom import (
    CoordinateSystemNames,
    PixelMeasuresSequence,
    PlaneOrientationSequence,
    PlanePositionSequence,
)
from pydicom import Dataset

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.grid.of_file import StoredGrid
from segment_actor.volume import Affine, Shape
from segment_actor.writing.dicom.header import EMPTY, SourceImage, Sources

_PATIENT = CoordinateSystemNames.PATIENT

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

IN_PLACE_MM = 1.0
"""Within its plane an image may lie that far off, which is what reading does not take for a tilt:
a thousandth of the height, of 1 m at most. What is straightened has more rows than its images."""

IN_PLACE_STEPS = 0.5
"""Along the normal, in distances of slices: reading allows no more."""

SAME_DIRECTION = 1e-3
"""Cosines of one direction, where a header rounds them to 4 digits."""


@dataclass(frozen=True, slots=True)
class Planes:
    """The grid of a CT's file as DICOM counts: columns, rows, planes.

    Attributes:
        shape: (columns, rows, planes).
        affine: (4, 4), voxel index (column, row, plane) to RAS millimetres.
    """

    shape: Shape
    affine: Affine

    @property
    def orientation(self) -> list[float]:
        """Direction cosines along a row and along a column, LPS."""
        axes = (RAS_TO_LPS @ self.affine)[:3, :2]
        cosines: list[float] = (axes / np.linalg.norm(axes, axis=0)).T.ravel().tolist()
        return cosines

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of columns, of rows, of planes."""
        i, j, k = (float(mm) for mm in np.linalg.norm(self.affine[:3, :3], axis=0))
        return i, j, k

    @property
    def positions_mm(self) -> npt.NDArray[np.float64]:
        """(planes, 3): centre of the first pixel of each, LPS."""
        lps = RAS_TO_LPS @ self.affine
        places: npt.NDArray[np.float64] = lps[:3, 3] + np.outer(
            np.arange(self.shape[2]), lps[:3, 2]
        )
        return places


def planes_of(grid: StoredGrid) -> Planes:
    """The planes of a DICOM series, whose grid has the rows of the images from the bottom up."""
    downwards = np.diag([1.0, -1.0, 1.0, 1.0])
    downwards[1, 3] = grid.shape[1] - 1
    return Planes(grid.shape, grid.affine @ downwards)


def plane_sequences(
    planes: Planes,
) -> tuple[PixelMeasuresSequence, PlaneOrientationSequence, list[PlanePositionSequence]]:
    """The same in DICOM's own words."""
    column_mm, row_mm, step_mm = planes.spacing_mm
    positions = [PlanePositionSequence(_PATIENT, place.tolist()) for place in planes.positions_mm]
    orientation = PlaneOrientationSequence(_PATIENT, planes.orientation)
    return PixelMeasuresSequence((row_mm, column_mm), step_mm, step_mm), orientation, positions


def source_headers(sources: Sources, planes: Planes) -> list[Dataset]:
    """Headers of the source images that have what results refer to, and no patient.

    Images that lie in place have the position of their plane, all others their own. All have one
    orientation, that of the planes unless these were turned.

    Returns:
        One an object: an image, or the frames of an enhanced CT that are in it.

    Raises:
        SeriesError: SEVERAL_SERIES if there are not as many images as planes, all of one size.
    """
    matrices = {(image.rows, image.columns) for image in sources.images}
    if len(sources.images) != planes.shape[2] or len(matrices) > 1:
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            f"Beside the {planes.shape[2]} images that were segmented there are others of the same "
            "kind, and a DICOM result must not refer to them. Put the series into its own folder.",
        )
    first = sources.images[0]
    turned = not np.allclose(first.orientation, planes.orientation, atol=SAME_DIRECTION)
    orientation = PlaneOrientationSequence(
        _PATIENT, first.orientation if turned else planes.orientation
    )
    measures, _, _ = plane_sequences(planes)
    places_mm = _in_place(np.array([image.position_mm for image in sources.images]), planes)
    positions = [PlanePositionSequence(_PATIENT, place.tolist()) for place in places_mm]
    headers: dict[str, Dataset] = {}
    for image, position in zip(sources.images, positions, strict=True):
        header = headers.setdefault(image.sop_uid, _header(sources, image))
        if image.frame is None:
            for group in (measures, orientation, position):
                header.update(group[0])
        else:
            _add_frame(header, measures, orientation, position)
    return list(headers.values())


def _in_place(own_mm: npt.NDArray[np.float64], planes: Planes) -> npt.NDArray[np.float64]:
    """(images, 3) LPS: of each image its plane's position if it lies there, else its own."""
    places_mm = planes.positions_mm
    step_mm = places_mm[1] - places_mm[0]
    steps = (own_mm - places_mm[0]) @ step_mm / (step_mm @ step_mm)
    plane = np.clip(np.rint(steps).astype(int), 0, len(places_mm) - 1)
    sideways_mm = own_mm - places_mm[0] - np.outer(steps, step_mm)
    in_place = (np.abs(steps - plane) <= IN_PLACE_STEPS) & (
        np.linalg.norm(sideways_mm, axis=1) <= IN_PLACE_MM
    )
    return np.where(in_place[:, None], places_mm[plane], own_mm)


def _header(sources: Sources, image: SourceImage) -> Dataset:
    header = Dataset()
    for keyword in EMPTY:  # results get the patient at the end, past all that is logged on the way
        setattr(header, keyword, "")
    header.update(sources.lossy)
    header.Modality = "CT"
    header.SOPClassUID, header.SOPInstanceUID = image.sop_class, image.sop_uid
    header.StudyInstanceUID, header.SeriesInstanceUID = sources.study_uid, sources.series_uid
    header.FrameOfReferenceUID = sources.frame_uid
    header.Rows, header.Columns = image.rows, image.columns
    return header


def _add_frame(
    header: Dataset,
    measures: PixelMeasuresSequence,
    orientation: PlaneOrientationSequence,
    position: PlanePositionSequence,
) -> None:
    """Adds a frame to the header of an enhanced CT."""
    if "NumberOfFrames" not in header:
        shared = Dataset()
        shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = measures, orientation
        header.SharedFunctionalGroupsSequence = [shared]
        header.PerFrameFunctionalGroupsSequence = []
    frame = Dataset()
    frame.PlanePositionSequence = position
    header.PerFrameFunctionalGroupsSequence.append(frame)
    header.NumberOfFrames = len(header.PerFrameFunctionalGroupsSequence)
