"""Enhanced CT: all images of a CT as frames of one file, what is said of them in functional groups.

Each frame is made a classic image (PS3.3 A.38 to A.3): its header is the file's with the elements
of the groups in it, its pixels are its piece of the file's. So one set of rules judges both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pydicom import DataElement, Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.tag import BaseTag, Tag

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.file.header import (
    PYDICOM_ERRORS,
    first_number,
    first_text,
    quiet_pydicom,
    text_values,
)
from segment_actor.reading.dicom.file.parsing import PIXEL_DATA, Parsed, native_pixels, with_pixels
from segment_actor.reading.dicom.sop_classes import ENHANCED_CT

GROUPS: Final = (
    "UnassignedSharedConvertedAttributesSequence",
    "UnassignedPerFrameConvertedAttributesSequence",
    "FrameAnatomySequence",
    "CTAcquisitionDetailsSequence",
    "CTAcquisitionTypeSequence",
    "CTExposureSequence",
    "CTGeometrySequence",
    "CTImageFrameTypeSequence",
    "CTReconstructionSequence",
    "CTTableDynamicsSequence",
    "CTXRayDetailsSequence",
    "FrameContentSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "PlaneOrientationSequence",
    "PlanePositionSequence",
)
"""Whose elements are taken; what is legacy and unassigned may be overridden by the others."""

FUNCTIONAL_GROUPS: Final = 0x5200
"""Group of the elements that hold them."""

CLASSIC: Final = {
    "FrameType": "ImageType",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
}
"""Elements of a frame, and what a classic image calls them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as an image of its own.

    Attributes:
        header: as a classic image has it, without pixels.
        file: where its pixels are.
        number: of the frame, from 0.
    """

    header: Dataset
    file: Frames
    number: int

    def with_pixels(self) -> Dataset | None:
        """The header with the pixels of this frame; None if they are damaged or cut off."""
        return self.file.with_pixels(self.header, self.number)


def is_enhanced(header: Dataset) -> bool:
    """Whether a file may hold several images of a CT."""
    return first_text(header, "SOPClassUID") in ENHANCED_CT


def frames_in(parsed: Parsed) -> list[Frame]:
    """The frames of an enhanced CT.

    Raises:
        SeriesError: UNREADABLE_FILE if the groups are damaged, SEVERAL_SERIES if they are several
            volumes.
    """
    try:
        with quiet_pydicom():
            headers = list(_frame_headers(parsed.header))
    except PYDICOM_ERRORS:
        headers = []
    if not headers or len(headers) != first_number(parsed.header, "NumberOfFrames"):
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "A multi-frame file (enhanced CT) does not say of each frame where it lies; its header "
            "is damaged. Export the series again.",
        )
    for keyword, what in (("StackID", "stacks"), ("TemporalPositionIndex", "points in time")):
        several = len({text_values(header, keyword) for header in headers})
        if several > 1:
            raise SeriesError(
                FailureCode.SEVERAL_SERIES,
                f"A multi-frame file (enhanced CT) holds {several} {what}, and they are not one "
                "volume. Export each as a series of its own.",
            )
    file = Frames(parsed, len(headers))
    return [Frame(header, file, number) for number, header in enumerate(headers)]


def check_parts(headers: Sequence[Dataset]) -> None:
    """Refuses a CT whose frames are spread over several files, of which one is missing.

    Args:
        headers: one of each file.

    Raises:
        SeriesError: MISSING_SLICE.
    """
    whole = {
        first_text(header, "ConcatenationUID"): first_number(header, "InConcatenationTotalNumber")
        for header in headers
    }
    there = Counter(first_text(header, "ConcatenationUID") for header in headers)
    for uid, number in whole.items():
        if uid is not None and number is not None and there[uid] < number:
            raise SeriesError(
                FailureCode.MISSING_SLICE,
                f"The CT is spread over {number:.0f} files, and {there[uid]} are there. "
                "Export the whole series again.",
            )


class Frames:
    """The pixels of a multi-frame file, which are cut into frames when the first is asked for.

    Args:
        parsed: the file up to its pixels.
        count: frames that there should be.
    """

    def __init__(self, parsed: Parsed, count: int) -> None:
        self._parsed = parsed
        self._count = count
        self._compressed = not parsed.encoded.native

    def with_pixels(self, header: Dataset, number: int) -> Dataset | None:
        """The header of a frame with its pixels; None if they are damaged or cut off."""
        if len(self._frames) != self._count:
            return None
        full = Dataset(dict(header.items()))
        full.file_meta = header.file_meta
        full.set_original_encoding(*self._parsed.header.original_encoding)
        full.add_new(PIXEL_DATA, "OB" if self._compressed else "OW", bytes(self._frames[number]))
        full["PixelData"].is_undefined_length = self._compressed
        return full

    @cached_property
    def _frames(self) -> Sequence[bytes | memoryview]:
        """As many as could be found."""
        return self._unpacked() if self._compressed else self._sliced()

    def _sliced(self) -> list[memoryview]:
        pixels = native_pixels(self._parsed)
        size = len(pixels) // self._count
        return [pixels[k * size : (k + 1) * size] for k in range(self._count)]

    def _unpacked(self) -> list[bytes]:
        full = with_pixels(self._parsed)
        if full is None or "PixelData" not in full:
            return []
        offsets = full.get("ExtendedOffsetTable"), full.get("ExtendedOffsetTableLengths")
        try:
            with quiet_pydicom():
                frames = generate_frames(
                    full.PixelData,
                    number_of_frames=self._count,
                    extended_offsets=None if None in offsets else offsets,
                )
                return [encapsulate([frame]) for frame in frames]
        except PYDICOM_ERRORS:
            return []


def _frame_headers(header: Dataset) -> Iterator[Dataset]:
    outside = {tag: one for tag, one in header.items() if tag.group != FUNCTIONAL_GROUPS}
    outside.pop(Tag("NumberOfFrames"), None)
    common: dict[BaseTag, DataElement] = {}
    for shared in header.SharedFunctionalGroupsSequence:
        common |= _elements_of(shared)
    for group in header.PerFrameFunctionalGroupsSequence:
        frame = Dataset({**outside, **common, **_elements_of(group)})
        for name, classic in CLASSIC.items():
            if name in frame:
                own = frame[name]  # the file's element of that name is shared by all frames
                frame.add_new(Tag(classic), own.VR, own.value)
        frame.file_meta = header.file_meta
        yield frame


def _elements_of(group: Dataset) -> dict[BaseTag, DataElement]:
    """What the macros of a functional group say, which have one item each."""
    return {
        element.tag: element
        for keyword in GROUPS
        for item in group.get(keyword) or ()
        for element in item
    }
