"""What lies in a study beside its CTs: reports, plans, segmentations, pictures of screens."""

from __future__ import annotations

import numpy as np
from pydicom.sequence import Sequence
from pydicom.uid import (
    RTStructureSetStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    XRayRadiationDoseSRStorage,
)

from tests.support.hospital.images import Series, Visit, header_of, item
from tests.support.hospital.outcome import Truth

_NO_CT = Truth(np.zeros((0, 0, 0), np.int16), np.eye(4))


def dose_picture(visit: Visit, description: str = "Patient Protocol") -> Series:
    """A screen of the scanner, in colour, with text burnt in."""
    one = header_of(visit, description, SecondaryCaptureImageStorage, 1)
    one.SeriesNumber, one.ImageType = 502, ["DERIVED", "SECONDARY", "OTHER"]
    one.ConversionType, one.BurnedInAnnotation = "WSD", "YES"
    del one.FrameOfReferenceUID
    one.Rows, one.Columns = 20, 24
    one.SamplesPerPixel, one.PhotometricInterpretation, one.PlanarConfiguration = 3, "RGB", 0
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 8, 8, 7, 0
    one.PixelData = bytes(20 * 24 * 3)
    return Series([one], _NO_CT, visit)


def dose_report(visit: Visit) -> Series:
    """A structured report."""
    one = header_of(visit, "Dose SR", XRayRadiationDoseSRStorage, 1)
    one.Modality, one.SeriesNumber = "SR", 501
    one.ContentDate, one.ContentTime = "20210305", "102000"
    one.ConceptNameCodeSequence = [
        item(CodeValue="113701", CodingSchemeDesignator="DCM", CodeMeaning="X-Ray Dose Report")
    ]
    one.CompletionFlag, one.VerificationFlag, one.ValueType = "COMPLETE", "UNVERIFIED", "CONTAINER"
    return Series([one], _NO_CT, visit)


def contours(visit: Visit) -> Series:
    """Of radiotherapy."""
    one = header_of(visit, "Plan contours", RTStructureSetStorage, 1)
    one.Modality, one.SeriesNumber, one.StructureSetLabel = "RTSTRUCT", 601, "LIVER"
    one.StructureSetDate, one.StructureSetTime = "20210306", "090000"
    one.StructureSetROISequence = Sequence()
    return Series([one], _NO_CT, visit)


def segmentation(visit: Visit) -> Series:
    """Of an earlier program: four frames of one bit."""
    one = header_of(visit, "Old SEG", SegmentationStorage, 1)
    one.Modality, one.SeriesNumber, one.NumberOfFrames = "SEG", 701, 4
    one.ContentDate, one.ContentTime, one.ContentLabel = "20210306", "100000", "LIVER"
    one.ContentDescription = one.ContentCreatorName = ""
    one.ImageType, one.SegmentationType = ["DERIVED", "PRIMARY"], "BINARY"
    one.Rows = one.Columns = 32
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 1
    one.HighBit = one.PixelRepresentation = 0
    one.PixelData = bytes(32 * 32 * 4 // 8)
    return Series([one], _NO_CT, visit)
