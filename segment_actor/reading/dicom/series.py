"""Whether the files of a folder are the images of one CT series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from pydicom import Dataset

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.enhanced import frames_in, is_enhanced
from segment_actor.reading.dicom.file.encoding import is_dicom
from segment_actor.reading.dicom.file.header import first_text
from segment_actor.reading.dicom.file.parsing import Parsed, parse, with_pixels
from segment_actor.reading.dicom.grouping.people import refusal_of
from segment_actor.reading.dicom.image import Image, image_of
from segment_actor.reading.dicom.side_files import check_side_files
from segment_actor.reading.dicom.sop_classes import DICOMDIR, DOCUMENTS, GREY, INVERTED

MAX_PIXELS = 4096**2
"""Of one image. The largest matrix of a CT is 2048 x 2048."""

SAME = 1e-4
"""Two images of one series agree in orientation and spacing up to rounding of decimal text."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One image of a series.

    Attributes:
        image: what its header says of where it belongs.
        header: without pixels.
        with_pixels: the header with the pixels; None if they are damaged or cut off.
        number: of the frame in its file, from 0.
    """

    image: Image
    header: Dataset = field(repr=False)
    with_pixels: Callable[[], Dataset | None] = field(repr=False)
    number: int = 0


_RULES: tuple[tuple[Callable[[Image], bool], FailureCode, str], ...] = (
    (
        lambda one: bool(one.sop_uid and one.series_uid),
        FailureCode.MISSING_UID,
        "The images have a blank series or image number (UID), so nobody can tell which series "
        "they belong to. Anonymise with new UIDs instead of blank ones.",
    ),
    (
        lambda one: "LOCALIZER" not in one.image_type,
        FailureCode.LOCALIZER,
        "The series contains a localizer (scout) image. Export the series without it.",
    ),
    (
        lambda one: one.modality == "CT",
        FailureCode.NOT_CT,
        "Not all of the files are CT images (another modality, or a report). "
        "Export the CT series alone.",
    ),
    (
        lambda one: one.samples == 1 and one.photometric in GREY,
        FailureCode.COLOUR_IMAGE,
        "The series contains a colour image (a screenshot or a dose report). "
        "Export the original series without it.",
    ),
    (
        lambda one: one.photometric != INVERTED,
        FailureCode.NOT_HOUNSFIELD,
        "An image is stored for display with air in white (MONOCHROME1), and programs disagree "
        "about its values. Export the original CT series.",
    ),
    (
        lambda one: one.frames == 1,
        FailureCode.UNREADABLE_FILE,
        "The series is stored as a multi-frame file that is no enhanced CT, and nothing says where "
        "its images lie. Export it as classic or enhanced CT.",
    ),
    (
        lambda one: one.rows > 0 and one.columns > 0 and not one.sop_class.startswith(DOCUMENTS),
        FailureCode.UNREADABLE_FILE,
        "An object of the series is not an image, or its header is damaged. Export it again.",
    ),
    (
        lambda one: one.rows * one.columns <= MAX_PIXELS,
        FailureCode.TOO_LARGE,
        "An image claims more pixels than any CT has. Export the series again.",
    ),
    (
        lambda one: len(one.spacing_mm) == 2,
        FailureCode.BAD_SPACING,
        "An image does not say the size of its pixels. Export the original CT series.",
    ),
    (
        lambda one: len(one.orientation) == 6 and len(one.position_mm) == 3,
        FailureCode.BAD_AFFINE,
        "An image does not say where it lies in the patient. Export the original CT series.",
    ),
)
"""What every image must fulfil, and what to say if one does not. The first broken rule counts."""


@dataclass(frozen=True, slots=True)
class File:
    """One DICOM file of an image, or of several.

    Attributes:
        image: what its header says of where it belongs.
        parsed: its content up to the pixels.
    """

    image: Image
    parsed: Parsed = field(repr=False)

    def slices(self) -> list[Slice]:
        """Its image; those of an enhanced CT.

        Raises:
            SeriesError: UNREADABLE_FILE or SEVERAL_SERIES for an enhanced CT that is no volume.
        """
        if not is_enhanced(self.parsed.header):
            return [Slice(self.image, self.parsed.header, partial(with_pixels, self.parsed))]
        return [
            Slice(image_of(one.header), one.header, one.with_pixels, one.number)
            for one in frames_in(self.parsed)
        ]


def parse_files(files: Sequence[bytes], names: Sequence[str]) -> list[File]:
    """Reads the headers; a DICOMDIR, documents and known side files are passed over.

    Raises:
        SeriesError: EMPTY_FILE or UNREADABLE_FILE if no image is left, or one is damaged.
    """
    check_side_files(files, names)
    found = [one for file in files if is_dicom(file) and (one := _parsed(file)) is not None]
    if found:
        return found
    if not any(files):
        raise SeriesError(
            FailureCode.EMPTY_FILE, "All files are empty (0 bytes). Export the series again."
        )
    raise SeriesError(
        FailureCode.UNREADABLE_FILE,
        "There is no DICOM image among the files. Export them again, or name one .nii.gz file.",
    )


def _parsed(file: bytes) -> File | None:
    """None for a DICOMDIR or a document."""
    parsed = parse(file)
    if parsed is None:
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The header of an image is damaged or cut off. Export the series again.",
        )
    header = parsed.header
    if first_text(header.file_meta, "MediaStorageSOPClassUID") == DICOMDIR or _is_document(header):
        return None
    return File(image_of(header), parsed)


def _is_document(header: Dataset) -> bool:
    """Never true for an image, whatever it is called: an image has rows."""
    return (first_text(header, "SOPClassUID") or "").startswith(DOCUMENTS) and "Rows" not in header


def check_one_ct_series(slices: Sequence[Slice]) -> None:
    """Refuses what is not one CT series of equal images. SeriesError says why."""
    images = [one.image for one in slices]
    for fulfils, code, sentence in _RULES:
        if not all(map(fulfils, images)):
            raise SeriesError(code, sentence)
    series = len({one.series_uid for one in images})
    if series > 1:
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            f"The files belong to {series} different series. Put each series into its own folder.",
        )
    refusal = refusal_of(images)
    if refusal:
        raise SeriesError(*refusal)
    if not all(alike(images[0], one) for one in images):
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            "The images differ in kind, size or orientation and do not form one volume. "
            "Export one reconstruction only.",
        )


def alike(one: Image, other: Image) -> bool:
    """Whether two images are of one kind, size and orientation."""
    return (
        one.sop_class == other.sop_class
        and (one.rows, one.columns) == (other.rows, other.columns)
        and np.allclose(
            one.spacing_mm + one.orientation,
            other.spacing_mm + other.orientation,
            rtol=0,
            atol=SAME,
        )
    )
