"""Images as scanners and workstations of a hospital write them; all made up.

A series is so small that a hundred archives are made within seconds, and no two voxels of it, nor
two series, are alike. UIDs come from what a thing is called: the same ones every time.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian

from segment_actor.volume import Affine
from tests.support.hospital.outcome import Expected, Truth

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
COLUMNS, ROWS = 32, 28  # unequal, so that a transposed image shows
SPACING_MM = (1.5, 1.25)  # of rows, of columns; likewise
CORNER_MM = (-20.0, -170.0, 5.0)  # LPS, of the first pixel of the first slice
AIR = 1024  # what is added to HU so that no stored value is negative

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

PLANTED = ("Zzmuster", "ZZMRN", "19470321", "ZZHOSPITAL", "ZZNOTE")
"""Words of the headers that no log and no table may hold."""


@dataclass(frozen=True)
class Visit:
    """A patient and a study.

    Attributes:
        patient: Patient ID.
        name: Patient's Name.
        study: tells studies of a patient apart.
        charset: Specific Character Set, "" for none.
    """

    patient: str = "ZZMRN-4711"
    name: str = "Zzmuster^Maria"
    study: str = "first"
    charset: str = ""

    def uid(self, *words: object) -> str:
        """An identifier of something of this study."""
        return uid(self.patient, self.study, *words)


@dataclass(frozen=True)
class Series:
    """The images of a series, and the CT that they are."""

    images: list[Dataset]
    truth: Truth
    visit: Visit

    def expected(self, **what: Any) -> Expected:
        """That it is found whole and selected, unless `what` says otherwise."""
        description = str(self.images[0].SeriesDescription)
        given: dict[str, Any] = {
            "images": len(self.images),
            "truth": self.truth,
            "patient": self.visit.patient,
        }
        return Expected(description, **(given | what))

    def refused(self, code: str, **what: Any) -> Expected:
        """That it is found and refused."""
        return self.expected(truth=None, code=code, **what)

    def but(self, images: SequenceOf[Dataset]) -> Series:
        """The same with other images."""
        return replace(self, images=list(images))


def uid(*words: object) -> str:
    """A UID of the kind that anybody may make (PS3.5 B.2); 39 digits at most."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def ct(  # noqa: PLR0913  # what a scan is planned by
    visit: Visit,
    description: str,
    *,
    slices: int = 12,
    step_mm: float = 4.0,
    start_mm: float = 0.0,
    orientation: SequenceOf[float] = AXIAL,
    size: tuple[int, int] = (COLUMNS, ROWS),
    **elements: Any,
) -> Series:
    """A CT of one reconstruction.

    Args:
        visit: whose.
        description: what it is called; another one has other voxels and UIDs.
        slices: how many.
        step_mm: from a slice to the next, along the normal; negative for the other way.
        start_mm: from CORNER_MM to the first slice, likewise.
        orientation: direction cosines along a row and along a column, LPS.
        size: columns and rows.
        **elements: values of all headers by keyword; None leaves the element out.
    """
    columns, rows = size
    seed = zlib.crc32(f"{visit} {description}".encode())
    hu = np.random.default_rng(seed).integers(-1000, 1500, (columns, rows, slices), np.int16)
    affine = _affine(orientation, step_mm, start_mm)
    images = []
    for k in range(slices):
        one = header_of(visit, description, CTImageStorage, k + 1)
        _scanner(one)
        one.SliceThickness = str(abs(step_mm) or 1.0)
        one.PixelSpacing = list(SPACING_MM)
        one.ImageOrientationPatient = list(orientation)
        one.ImagePositionPatient = [round(float(v), 4) for v in affine[:3, 3] + k * affine[:3, 2]]
        _pixels(one, hu[:, :, k].T)
        set_elements(one, elements)
        images.append(one)
    return Series(images, Truth(hu, LPS_TO_RAS @ affine), visit)


def _affine(orientation: SequenceOf[float], step_mm: float, start_mm: float) -> Affine:
    """Voxel index (column, row, slice) to LPS (PS3.3 C.7.6.2.1.1, Equation C.7.6.2.1-1)."""
    along_row, along_column = np.reshape(orientation, (2, 3))
    normal = np.cross(along_row, along_column)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along_row * SPACING_MM[1], along_column * SPACING_MM[0]
    affine[:3, 2] = normal * step_mm
    affine[:3, 3] = CORNER_MM + normal * start_mm
    return affine


def set_elements(one: Dataset, elements: dict[str, Any]) -> None:
    """Other values of a header; None takes the element away."""
    for keyword, value in elements.items():
        if value is None:
            one.pop(keyword, None)
        else:
            setattr(one, keyword, value)


def header_of(visit: Visit, description: str, sop_class: str, number: int) -> Dataset:
    """What every object of a study has."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if visit.charset:
        one.SpecificCharacterSet = visit.charset
    one.SOPClassUID = sop_class
    one.SOPInstanceUID = visit.uid(description, "image", number)
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    one.PatientName, one.PatientID = visit.name, visit.patient
    one.PatientBirthDate, one.PatientSex, one.PatientAge = "19470321", "F", "073Y"
    one.StudyInstanceUID, one.StudyID = visit.uid("study"), "1"
    one.SeriesInstanceUID = visit.uid(description, "series")
    one.FrameOfReferenceUID = visit.uid("frame")
    one.StudyDate = one.SeriesDate = one.AcquisitionDate = "20210305"
    one.StudyTime, one.SeriesTime = "101010", "101500"
    one.InstitutionName, one.ImageComments = "ZZHOSPITAL", "ZZNOTE of the physician"
    one.Modality, one.SeriesDescription = "CT", description
    one.SeriesNumber, one.InstanceNumber = 2, number
    return one


def _scanner(one: Dataset) -> None:
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    one.Manufacturer, one.ManufacturerModelName = "SIEMENS", "SOMATOM Test"
    one.KVP, one.ConvolutionKernel, one.GantryDetectorTilt = "120", "B30f", "0"
    one.AcquisitionNumber, one.AcquisitionTime = 1, "101400"
    one.PatientPosition, one.BodyPartExamined = "HFS", "ABDOMEN"
    one.RescaleIntercept, one.RescaleSlope, one.RescaleType = f"-{AIR}", "1", "HU"


def _pixels(one: Dataset, hu: npt.NDArray[np.int16]) -> None:
    """(..., rows, columns); 12 bits, as most scanners have it."""
    one.Rows, one.Columns = hu.shape[-2:]
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
    one.PixelData = (hu + AIR).astype("<u2").tobytes()


def scout(visit: Visit, description: str = "Topogram") -> Series:
    """The projection on which a scan is planned."""
    return ct(
        visit, description, slices=1, orientation=CORONAL, size=(64, 80), SeriesNumber=1,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ConvolutionKernel="T20f",
        AcquisitionNumber=0,
    )  # fmt: skip


def coronal(visit: Visit, description: str = "Coronal MPR") -> Series:
    """Reformatted from the axial images."""
    kind = ["DERIVED", "SECONDARY", "MPR", "CSA MPR"]
    return ct(visit, description, orientation=CORONAL, SeriesNumber=5, ImageType=kind)


def enhanced(visit: Visit, description: str, sop_class: str = EnhancedCTImageStorage) -> Series:
    """All slices in one file; what belongs to a slice stands in functional groups (PS3.3 A.38)."""
    plain = ct(visit, description)
    first = plain.images[0]
    one = header_of(visit, description, sop_class, 1)
    one.ImageType, one.Manufacturer = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], "PHILIPS"
    one.VolumetricProperties, one.NumberOfFrames = "VOLUME", len(plain.images)
    one.AcquisitionNumber, one.AcquisitionDateTime = 1, "20210305101400"
    _pixels(one, np.moveaxis(plain.truth.hu, (0, 1, 2), (2, 1, 0)))
    one.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=item(
                PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness
            ),
            PlaneOrientationSequence=item(ImageOrientationPatient=first.ImageOrientationPatient),
            PixelValueTransformationSequence=item(
                RescaleIntercept=f"-{AIR}", RescaleSlope="1", RescaleType="HU"
            ),
        )
    ]
    one.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=item(ImagePositionPatient=image.ImagePositionPatient),
            FrameContentSequence=item(
                StackID="1", InStackPositionNumber=k, DimensionIndexValues=[1, k]
            ),
        )
        for k, image in enumerate(plain.images, 1)
    ]
    return plain.but([one])


def item(**elements: Any) -> Dataset:
    """An item of a sequence; a value that is one itself becomes a sequence of it."""
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, [value] if isinstance(value, Dataset) else value)
    return item
