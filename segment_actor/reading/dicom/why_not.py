"""Why an image, or a volume of images, is not measured though nothing is wrong with it.

Words of Image Type (0008,0008) from the third on are each maker's own; the lists name where a word
was documented or met. A word counts whole: AVERAGE is no word of "CT_AVERAGE_X".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from segment_actor.reading.dicom.image import Image


class WhyNot(StrEnum):
    """Why a volume is not selected. The value is what stands in the index."""

    NOT_CT = "not_ct"
    LOCALIZER = "localizer"
    SCREENSHOT = "screenshot"
    MAP = "map"
    MIP = "mip"
    NOT_AXIAL = "not_axial"
    DERIVED = "derived"
    ONE_PLACE = "one_place"
    TOO_FEW = "too_few"
    OTHER_RECONSTRUCTION = "other_reconstruction"

    @property
    def sentence(self) -> str:
        """For people."""
        return _SENTENCES[self]


_SENTENCES: Final[dict[WhyNot, str]] = {
    WhyNot.NOT_CT: "It is no CT: another modality, a report, a segmentation, a plan.",
    WhyNot.LOCALIZER: "It is a scout (localizer), by which the scan was planned.",
    WhyNot.SCREENSHOT: "It is a picture for people: a screenshot, a dose report, or an image with "
    "text burnt into its pixels.",
    WhyNot.MAP: "Its values are no attenuation as scanned: an iodine, virtual non-contrast, "
    "subtraction, perfusion or other map.",
    WhyNot.MIP: "Each image is a projection through many slices: maximum or minimum intensity, or "
    "an average over time.",
    WhyNot.NOT_AXIAL: "Its images do not lie across the body: coronal or sagittal.",
    WhyNot.DERIVED: "It was cut at an angle out of other images, which are the ones to measure.",
    WhyNot.ONE_PLACE: "All its images show one place, as those that wait for the contrast agent.",
    WhyNot.TOO_FEW: "It has too few places for an organ to be whole.",
    WhyNot.OTHER_RECONSTRUCTION: "Another reconstruction of the same acquisition is measured.",
}

CT: Final = "1.2.840.10008.5.1.4.1.1.2"
"""CT Image Storage (PS3.4 B.5)."""

CT_CLASSES: Final = {"", CT, f"{CT}.1", f"{CT}.2"}
"""With Enhanced CT and Legacy Converted Enhanced CT; some old archives leave it blank."""

SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
"""Secondary Capture and its multi-frame forms begin so."""

GREY: Final = {"", "MONOCHROME1", "MONOCHROME2"}

SCOUTS: Final = {"LOCALIZER", "SCOUT", "TOPOGRAM", "TOP", "SCANOGRAM"}
PICTURES: Final = {
    "PROT", "PROTOCOL", "SCREEN SAVE", "SCREEN", "SCREENSHOT", "DOSE", "DOSE_INFO", "DOSE INFO",
    "REPORT", "PHOTO", "EVIDENCE", "VRT", "VOLUME_RENDERED", "VOLREND", "3D", "SSD", "SNAPSHOT",
    "GSP", "GRAPH",
}  # fmt: skip
MAPS: Final = {
    "VNC", "VIRTUAL NON CONTRAST", "VNCA", "VUE", "VNU", "IODINE", "IODINE_CONC", "IODINE_OVERLAY",
    "IODINE MAP", "EFF_Z", "EFFECTIVE_Z", "EFFECTIVE Z", "ZEFF", "RHO", "RHO_Z", "RHOZ",
    "ELECTRON_DENSITY", "ELECTRON DENSITY", "EDW", "URIC_ACID", "CALCIUM", "CALCIUM_SUPPRESSED",
    "BONE_MARROW", "GOUT", "PBV", "LUNG_PBV", "OVERLAY", "FUSED", "FUSION", "SUBTRACTION",
    "SUBTRACTED", "PERFUSION", "CBF", "CBV", "MTT", "TTP", "TTD", "TMAX", "FLOW", "PERMEABILITY",
    "MD", "MATERIAL_DENSITY", "HAP", "SPECTRAL_OVERLAY", "STENT", "KEDGE", "LABEL", "MASK",
}  # fmt: skip
PROJECTIONS: Final = {
    "MIP", "MINIP", "MIN IP", "MIN_IP", "MINMIP", "MAXIP", "MAX_IP", "MAX IP", "TMIP", "AVERAGE",
    "AVE", "AVG", "AVIP", "AIP", "MEAN", "RAYSUM", "RAY SUM", "THICK_MIP", "PROJECTION IMAGE",
    "MEAN_IP", "MAX", "MIN",
}  # fmt: skip
UNITS: Final = {"", "HU", "US"}
"""Of Rescale Type (PS3.3 C.11.1.1.2); US is unspecified, and some scanners write it for HU."""

AXIAL_FROM: Final = 0.7071
"""Cosine of the slices' normal with the axis of the body: 45 degrees. A head is scanned at up to
30; coronal and sagittal are 90."""

AXIAL: Final = 0.01
"""How much less than 1 that cosine is of images that lie across the body: 8 degrees."""


def aside(image: Image) -> WhyNot | None:
    """Whether an image is none of a CT volume, whatever series it stands in."""
    words = set(image.image_type[2:])
    if image.sop_class.startswith(SECONDARY_CAPTURE):
        return WhyNot.SCREENSHOT
    if image.modality != "CT" or image.sop_class not in CT_CLASSES or image.rows == 0:
        return WhyNot.NOT_CT
    if words & SCOUTS:
        return WhyNot.LOCALIZER
    if image.samples != 1 or image.photometric not in GREY or words & PICTURES:
        return WhyNot.SCREENSHOT
    if image.burned_in and not (image.position_mm and image.orientation):
        return WhyNot.SCREENSHOT
    return None


def by_type(image: Image) -> WhyNot | None:
    """What an image's type says of the volume that it is a part of."""
    words = set(image.image_type[2:])
    if image.burned_in:
        return WhyNot.SCREENSHOT
    if words & MAPS or image.rescale_type.upper() not in UNITS:
        return WhyNot.MAP
    return WhyNot.MIP if words & PROJECTIONS else None
