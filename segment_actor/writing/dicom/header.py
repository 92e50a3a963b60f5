"""What of the source images' headers goes into results: an ALLOW list, and nothing else.

Results begin with an empty data set. Nothing is ever deleted from a full one, so that an element
nobody thought of, private ones included, cannot stay in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import pydicom
from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.valuerep import validate_value

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.file.header import (
    PYDICOM_ERRORS,
    first_number,
    first_text,
    number_values,
    quiet_pydicom,
)
from segment_actor.reading.dicom.sop_classes import CT_CLASSES
from segment_actor.writing.dicom.uids import derived_uid

PATIENT: Final = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "PatientAge", "PatientSize", "PatientWeight", "StudyID", "StudyDate", "StudyTime",
    "AccessionNumber", "ReferringPhysicianName", "StudyDescription",
)  # fmt: skip
"""By which a PACS files a result beside its CT (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2)."""

EMPTY: Final = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate",
    "StudyTime", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Those of them that must be there even if nothing is known (type 2)."""

UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")
GEOMETRY: Final = ("ImageOrientationPatient", "ImagePositionPatient")
LOSSY: Final = ("LossyImageCompression", "LossyImageCompressionRatio")

METHOD: Final = "ctcohort: empty data set, allow list, keyed UIDs, no dates"
"""Of 64 characters at most."""

UNICODE: Final = "ISO_IR 192"


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One image, or one frame of an enhanced CT, that a result may refer to.

    Attributes:
        sop_class: what kind of object it is in.
        sop_uid: identifies that object.
        frame: its number there, from 1; None for a classic image.
        rows: height in pixels.
        columns: width in pixels.
        orientation: direction cosines along a row and along a column, LPS.
        position_mm: centre of the first pixel, LPS.
    """

    sop_class: str
    sop_uid: str = field(repr=False)
    frame: int | None
    rows: int
    columns: int
    orientation: tuple[float, ...]
    position_mm: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """All that results take from the source images.

    Attributes:
        images: each once, in the order of the headers, frames in the order of their file.
        study_uid: of the study that results join.
        series_uid: of the CT.
        frame_uid: frame of reference of the CT.
        subject: elements of patient and study, and how they were de-identified.
        lossy: elements that tell of a compression with losses.
        dated: whether results may say when they were made, which a scan is seldom long before.
    """

    images: tuple[SourceImage, ...] = field(repr=False)
    study_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    frame_uid: str = field(repr=False)
    subject: Dataset = field(repr=False)
    lossy: Dataset = field(repr=False)
    dated: bool

    @property
    def volume(self) -> str:
        """Tells the volume apart from all others, of which its series may hold some.

        Made of the UIDs that results have: the originals, or the keyed ones in their place. Nobody
        finds the result of one kind by that of the other, or either by the keys of the tables.
        """
        return f"{self.series_uid} {min(image.sop_uid for image in self.images)}"


def identified(headers: Sequence[Dataset]) -> Sources:
    """For the archive that the CT came from: results carry the patient as the CT does.

    Args:
        headers: of the images of one volume and no others, without pixels, in any order; an image
            may be there several times.

    Raises:
        SeriesError: NOT_CT, MISSING_UID or BAD_AFFINE if no result can refer to the images.
    """
    subject = Dataset()
    for keyword in PATIENT:
        _copy(subject, headers[0], keyword)
    if not all(str(element.value).isascii() for element in subject):
        subject.SpecificCharacterSet = UNICODE
    return _sources(headers, subject, lambda uid: uid, dated=True)


def deidentified(
    headers: Sequence[Dataset], patient_key: str | None, new_uid: Callable[[str], str]
) -> Sources:
    """For research: results carry keys alone. Neither date, nor free text, nor an original UID.

    Args:
        headers: as in `identified`.
        patient_key: becomes the Patient ID; None leaves it empty.
        new_uid: a keyed function of the original; the same for all series of a site, so that what
            belongs together stays together.

    Raises:
        SeriesError: as in `identified`.
    """
    subject = Dataset()
    subject.PatientIdentityRemoved = "YES"
    subject.DeidentificationMethod = METHOD
    subject.LongitudinalTemporalInformationModified = "REMOVED"
    for keyword in EMPTY:
        setattr(subject, keyword, "")
    subject.PatientID = patient_key or ""
    return _sources(headers, subject, new_uid, dated=False)


def _sources(
    headers: Sequence[Dataset], subject: Dataset, new_uid: Callable[[str], str], *, dated: bool
) -> Sources:
    found = [image for header in headers for image in _images_of(header, new_uid)]
    images = tuple({(image.sop_uid, image.frame): image for image in found}.values())
    first = headers[0]
    study, series, frame = (first_text(first, keyword) or "" for keyword in UIDS[:3])
    _check(images, (study, series, *(image.sop_uid for image in images)))
    lossy = Dataset()
    for keyword in LOSSY:
        _copy(lossy, first, keyword)
    return Sources(
        images=images,
        study_uid=new_uid(study),
        series_uid=new_uid(series),
        # without one, the result is in a frame of its own and still names its images
        frame_uid=new_uid(frame or derived_uid(series, "frame of reference")),
        subject=subject,
        lossy=lossy,
        dated=dated,
    )


def _check(images: Sequence[SourceImage], uids: Sequence[str]) -> None:
    """Refuses images that no result can refer to; `uids` are all that it would name."""
    if not all(uids):
        raise SeriesError(
            FailureCode.MISSING_UID,
            "The images have a blank study, series or image number (UID), so no DICOM result can "
            "refer to them. Anonymise with new UIDs instead of blank ones.",
        )
    if any(image.sop_class not in CT_CLASSES for image in images):
        raise SeriesError(
            FailureCode.NOT_CT,
            "The images are stored as another kind of object than CT, to which a DICOM result "
            "cannot refer. Export the original CT series.",
        )
    if any(len(image.orientation) != 6 or len(image.position_mm) != 3 for image in images):
        raise SeriesError(
            FailureCode.BAD_AFFINE,
            "An image does not say where it lies in the patient. Export the original CT series.",
        )


def _images_of(header: Dataset, new_uid: Callable[[str], str]) -> list[SourceImage]:
    """The image of a classic header, the frames of an enhanced one."""
    sop_class = first_text(header, "SOPClassUID") or ""
    original = first_text(header, "SOPInstanceUID") or ""
    sop_uid = new_uid(original) if original else ""
    rows, columns = (int(first_number(header, keyword) or 0) for keyword in ("Rows", "Columns"))
    if int(first_number(header, "NumberOfFrames") or 1) == 1 and "ImagePositionPatient" in header:
        orientation, position_mm = (number_values(header, keyword) for keyword in GEOMETRY)
        return [SourceImage(sop_class, sop_uid, None, rows, columns, orientation, position_mm)]
    shared = _items(header, "SharedFunctionalGroupsSequence")
    images = []
    for number, frame in enumerate(_items(header, "PerFrameFunctionalGroupsSequence"), 1):
        groups = [frame, *shared]
        orientation = _in_group(groups, "PlaneOrientationSequence", "ImageOrientationPatient")
        position_mm = _in_group(groups, "PlanePositionSequence", "ImagePositionPatient")
        images.append(
            SourceImage(sop_class, sop_uid, number, rows, columns, orientation, position_mm)
        )
    return images


def _items(header: Dataset, keyword: str) -> Sequence[Dataset]:
    try:
        with quiet_pydicom():
            return list(header.get(keyword) or [])
    except PYDICOM_ERRORS:
        return []


def _in_group(groups: Sequence[Dataset], group: str, keyword: str) -> tuple[float, ...]:
    items = (item for one in groups for item in _items(one, group))
    return next(filter(None, (number_values(item, keyword) for item in items)), ())


def _copy(target: Dataset, source: Dataset, keyword: str) -> None:
    """Copies one element as plain text; one that is damaged becomes empty."""
    tag = tag_for_keyword(keyword)
    assert tag is not None  # the keywords are constants of this module
    vr = dictionary_VR(tag)
    value = "".join(c for c in first_text(source, keyword) or "" if c.isprintable() and c != "\\")
    try:
        validate_value(vr, value, pydicom.config.RAISE)  # else pydicom warns, and quotes the value
    except ValueError:
        value = ""
    if value or keyword in EMPTY:
        target.add(DataElement(tag, vr, value))
