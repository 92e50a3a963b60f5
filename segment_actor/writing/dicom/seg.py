"""DICOM SEG: a label map as a segmentation that viewers lay over its CT.

LABELMAP is one image a plane, as label maps are; old viewers know BINARY alone, one image a plane
and structure, two hundred times as large.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from highdicom.sr.coding import CodedConcept
from pydicom import Dataset
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from segment_actor.anatomy import Structure, display_name
from segment_actor.grid.of_file import label_colour
from segment_actor.volume import N_LABEL_VALUES, LabelArray
from segment_actor.writing.dicom.codes import coded
from segment_actor.writing.dicom.header import Sources
from segment_actor.writing.dicom.kinds import SegType
from segment_actor.writing.dicom.planes import Planes, plane_sequences, source_headers
from segment_actor.writing.dicom.stamp import MAKER, date_of, finish
from segment_actor.writing.dicom.uids import NAME, Origin

logging.getLogger("highdicom").setLevel(logging.ERROR)  # it logs UIDs
# GDCM 3.2 ends the process over a plane of an odd number of pixels; pydicom's own encoder is left
get_encoder(RLELossless).remove_plugin("gdcm")

SERIES_NUMBER = 900
"""Far from those of scanners, which count from 1."""

AI = CodedConcept("123109", "DCM", "Artificial Intelligence")


class Segment(NamedTuple):
    """One segment: the file that it is in, and its number there."""

    seg: Segmentation
    number: int


# RLE, for dcmqi (and 3D Slicer, which reads with it) takes JPEG-LS for lossy and refuses it
SYNTAX = {SegType.LABELMAP: RLELossless, SegType.BINARY: ExplicitVRLittleEndian}


def make_seg(  # noqa: PLR0913  # what a SEG is made of
    labels: LabelArray,
    structures: Sequence[Structure],
    planes: Planes,
    sources: Sources,
    origin: Origin,
    *,
    kind: SegType = SegType.LABELMAP,
    instance: int = 1,
) -> Segmentation | None:
    """A segmentation whose segments are the structures that were found.

    Args:
        labels: (planes, rows, columns) uint8, ids of the structures.
        structures: all that may occur.
        planes: the grid of `labels`.
        sources: the images that were segmented.
        origin: of whom its UIDs are derived.
        kind: the segment numbers of LABELMAP are the labels; BINARY has to count without gaps.
        instance: number of the label map, from 1, where a CT has several.

    Returns:
        The data set; None if no structure has a voxel.
    """
    found = _labels_in(labels)
    if not found:
        return None
    labels, numbers = _numbered(labels, found, kind)
    known = {structure.id: structure for structure in structures}
    described = [_segment(known[label], number, origin) for label, number in numbers.items()]
    measures, orientation, positions = plane_sequences(planes)
    headers = source_headers(sources, planes)
    # of several multi-frame files highdicom wants one as source, the others beside it
    one = "NumberOfFrames" in headers[0]
    seg = Segmentation(
        source_images=headers[:1] if one else headers,
        further_source_images=headers[1:] if one else None,
        pixel_array=labels,
        segmentation_type=kind.value.upper(),
        segment_descriptions=described,
        series_instance_uid=origin.uid("seg series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=origin.uid(f"seg {kind} {instance}"),
        instance_number=instance,
        pixel_measures=measures,
        plane_orientation=orientation,
        plane_positions=positions,
        transfer_syntax_uid=SYNTAX[kind],
        content_label="CT_STRUCTURES",
        series_description="ctcohort structures",
        content_date=date_of(sources, origin).date(),
        content_time=date_of(sources, origin).time(),
        software_versions=origin.software,
        **MAKER,
    )
    organization = origin.uid(f"seg dimensions {instance}")
    for item in [*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence]:
        item.DimensionOrganizationUID = organization
    finish(seg, sources, origin)
    return seg


def _labels_in(labels: LabelArray) -> list[int]:
    """Ascending, without the background; plane by plane, as counting needs 8 bytes a voxel."""
    counts = sum(np.bincount(plane.ravel(), minlength=N_LABEL_VALUES)[1:] for plane in labels)
    found: list[int] = (np.flatnonzero(counts) + 1).tolist()
    return found


def _numbered(
    labels: LabelArray, found: Sequence[int], kind: SegType
) -> tuple[LabelArray, dict[int, int]]:
    """The label map with segment numbers for labels, and the number of each label."""
    if kind is SegType.LABELMAP:
        return labels, {label: label for label in found}
    numbers = {label: number for number, label in enumerate(found, start=1)}
    table = np.zeros(N_LABEL_VALUES, np.uint8)
    table[found] = list(numbers.values())
    return table[labels], numbers


def segments_of(seg: Segmentation) -> dict[str, Segment]:
    """Name of a structure to its segment."""
    return {
        str(segment.TrackingID): Segment(seg, segment.SegmentNumber)
        for segment in seg.SegmentSequence
        if "TrackingID" in segment  # not the background
    }


def _segment(structure: Structure, number: int, origin: Origin) -> SegmentDescription:
    codes = coded(structure)
    red, green, blue = (round(255 * part) for part in label_colour(structure.id))
    segment = SegmentDescription(
        segment_number=number,
        segment_label=display_name(structure.name),
        segmented_property_category=codes.category,
        segmented_property_type=codes.kind,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=NAME, version=origin.software, family=AI
        ),
        tracking_uid=origin.uid(f"structure {structure.name}"),
        tracking_id=structure.name,
        anatomic_regions=[codes.site] if codes.site else None,
        display_color=CIELabColor.from_rgb(red, green, blue),
    )
    if codes.side and codes.site:
        segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [codes.side]
    elif codes.side:
        kind: Dataset = segment.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [codes.side]
    return segment
