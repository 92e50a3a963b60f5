"""Whether the files of a folder are the images of one CT series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydicom import Dataset

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.completeness import (
    ImageNumbers,
    check_complete,
    image_numbers,
)
from segment_actor.reading.dicom.header import (
    first_number,
    first_text,
    is_dicom,
    number_values,
    open_dicom,
    text_values,
)
from segment_actor.reading.dicom.side_files import check_side_files

DICOMDIR = "1.2.840.10008.1.3.10"
"""Media Storage Directory: the table of contents of a CD, no image."""

DOCUMENTS = (
    "1.2.840.10008.5.1.4.1.1.11.",  # presentation states
    "1.2.840.10008.5.1.4.1.1.88.",  # structured reports, key object selections
    "1.2.840.10008.5.1.4.1.1.104.",  # encapsulated documents
)
"""How the SOP classes begin (PS3.4 B.5) whose objects have no pixels and may lie beside a CT."""

MAX_PIXELS = 4096**2
"""Of one image. The largest matrix of a CT is 2048 x 2048."""

ORIGIN = ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID")
"""What images of two patients under one series UID do not share."""

GREY = ("MONOCHROME1", "MONOCHROME2")
"""Photometric interpretations of one value a pixel."""

INVERTED = "MONOCHROME1"
"""Shown with air in white. The values should stay as they are; some programs turn them."""

SAME = 1e-4
"""Two images of one series agree in orientation and spacing up to rounding of decimal text."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One image: its file, and what its header says about its place.

    Attributes:
        file: content of the file; the pixels are decoded from it later.
        sop_class: what kind of object it is; "" if blank.
        sop_uid: identifies the image; "" if blank.
        series_uid: identifies the series; "" if blank.
        origin: patient, study and frame of reference, which all images of a series share.
        modality: "CT" for a CT.
        image_type: such as ORIGINAL, PRIMARY, AXIAL.
        rows: image height in pixels.
        columns: image width in pixels.
        photometric: MONOCHROME2 for a CT; "" if missing.
        samples: values in a pixel, 1 unless in colour.
        frames: images in the file.
        spacing_mm: distance of rows, distance of columns; () if missing.
        orientation: direction cosines along a row and along a column, LPS; () if missing.
        position_mm: centre of the first pixel, LPS; () if missing.
        numbers: what the header says of how many images there are.
    """

    file: bytes = field(repr=False)
    sop_class: str
    sop_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    origin: tuple[str, ...] = field(repr=False)
    modality: str
    image_type: tuple[str, ...]
    rows: int
    columns: int
    photometric: str
    samples: float
    frames: int
    spacing_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    position_mm: tuple[float, ...]
    numbers: ImageNumbers


_RULES: tuple[tuple[Callable[[Slice], bool], FailureCode, str], ...] = (
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
        lambda one: one.samples == 1 and one.photometric in {"", *GREY},
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
        "The series is stored as one multi-frame file (enhanced CT), which is not read yet. "
        "Export it as classic CT, one file an image.",
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


def parse_slices(files: Sequence[bytes], names: Sequence[str]) -> list[Slice]:
    """Reads the headers; a DICOMDIR, documents and known side files are passed over.

    Raises:
        SeriesError: EMPTY_FILE or UNREADABLE_FILE if no image is left, or one is damaged.
    """
    if any(map(is_dicom, files)):
        check_side_files(files, names)
    slices = [one for file in files if is_dicom(file) and (one := _parse(file)) is not None]
    if slices:
        return slices
    if not any(files):
        raise SeriesError(
            FailureCode.EMPTY_FILE, "All files are empty (0 bytes). Export the series again."
        )
    raise SeriesError(
        FailureCode.UNREADABLE_FILE,
        "There is no DICOM image among the files. Export them again, or name one .nii.gz file.",
    )


def _parse(file: bytes) -> Slice | None:
    """One slice; None for a DICOMDIR or a document."""
    header = open_dicom(file)
    if header is None:
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            "The header of an image is damaged or cut off. Export the series again.",
        )
    if first_text(header.file_meta, "MediaStorageSOPClassUID") == DICOMDIR or _is_document(header):
        return None
    return Slice(
        file=file,
        sop_class=first_text(header, "SOPClassUID") or "",
        sop_uid=first_text(header, "SOPInstanceUID") or "",
        series_uid=first_text(header, "SeriesInstanceUID") or "",
        origin=tuple(first_text(header, keyword) or "" for keyword in ORIGIN),
        modality=first_text(header, "Modality") or "",
        image_type=tuple(word.upper() for word in text_values(header, "ImageType")),
        rows=int(first_number(header, "Rows") or 0),
        columns=int(first_number(header, "Columns") or 0),
        photometric=first_text(header, "PhotometricInterpretation") or "",
        samples=first_number(header, "SamplesPerPixel") or 1,
        frames=int(first_number(header, "NumberOfFrames") or 1),
        spacing_mm=number_values(header, "PixelSpacing"),
        orientation=number_values(header, "ImageOrientationPatient"),
        position_mm=number_values(header, "ImagePositionPatient"),
        numbers=image_numbers(header),
    )


def _is_document(header: Dataset) -> bool:
    """Never true for an image, whatever it is called: an image has rows."""
    return (first_text(header, "SOPClassUID") or "").startswith(DOCUMENTS) and "Rows" not in header


def check_one_ct_series(slices: Sequence[Slice]) -> None:
    """Refuses what is not one CT series of equal images. SeriesError says why."""
    for fulfils, code, sentence in _RULES:
        if not all(map(fulfils, slices)):
            raise SeriesError(code, sentence)
    series = len({one.series_uid for one in slices})
    if series > 1:
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            f"The files belong to {series} different series. Put each series into its own folder.",
        )
    if len({one.origin for one in slices}) > 1:
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            "The images have one series number (UID), but not one patient, study and frame of "
            "reference. Export the series again from where it came from.",
        )
    if not all(_alike(slices[0], one) for one in slices):
        raise SeriesError(
            FailureCode.SEVERAL_SERIES,
            "The images differ in kind, size or orientation and do not form one volume. "
            "Export one reconstruction only.",
        )
    check_complete([one.numbers for one in slices])


def _alike(one: Slice, other: Slice) -> bool:
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
