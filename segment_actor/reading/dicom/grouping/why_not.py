"""Why an image, or a volume of images, is not measured though nothing is wrong with it.

Values of Image Type (0008,0008) from the third on are each maker's own, as are all descriptions;
the lists hold words that a source names, or that stand in data sets that can be looked at.
docs/reference/series.md names the sources.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

from segment_actor.reading.dicom.image import Image
from segment_actor.reading.dicom.sop_classes import CT_CLASSES, GREY, SECONDARY_CAPTURE
from segment_actor.reading.dicom.unit import is_hounsfield


class WhyNot(StrEnum):
    """Why a volume is not selected. The value is what stands in the index."""

    NOT_CT = "not_ct"
    """Another modality, a report, a segmentation or a plan."""
    LOCALIZER = "localizer"
    """A scout, from which the scan was planned."""
    SCREENSHOT = "screenshot"
    """A screenshot, a dose report, a rendering, or text burnt into the pixels."""
    MAP = "map"
    """No attenuation as scanned: iodine, virtual non-contrast, perfusion, subtraction."""
    MIP = "mip"
    """Each image shows the brightest or darkest of many slices."""
    NOT_AXIAL = "not_axial"
    """Coronal or sagittal."""
    DERIVED = "derived"
    """Cut obliquely or along a curve out of other images."""
    ONE_PLACE = "one_place"
    """All images show one place, as those that wait for the contrast agent do."""
    TOO_FEW = "too_few"
    """Too few slices for an organ to be whole."""
    OTHER_RECONSTRUCTION = "other_reconstruction"
    """Another reconstruction of the same acquisition is measured."""

    @property
    def is_volume(self) -> bool:
        """Whether it is a stack of CT images all the same, which `--series all` takes."""
        return self in _VOLUMES


_VOLUMES: Final = {
    WhyNot.MAP, WhyNot.MIP, WhyNot.NOT_AXIAL, WhyNot.DERIVED, WhyNot.OTHER_RECONSTRUCTION,
}  # fmt: skip

CT_OR_BLANK: Final = CT_CLASSES | {""}
"""Old archives may leave the SOP class blank."""

_LOCALIZER: Final = "LOCALIZER|SCOUT|TOPOGRAM|CT SOM[0-9]+ TOP"
_SCREENSHOT: Final = (
    "SCREEN|SCREEN ?SAVE|SCREEN ?SHOT|PROT|PROTOCOL|DOSE|DOSE INFO|DOSE REPORT|REPORT|VXTL STATE"
    "|(?:VOLUME|SURFACE) RENDER(?:ED|ING)?|VRT|SSD|CSA 3D|CSA ?FUSED"
)
_MAP: Final = (
    "MAT SPECIFIC|MAT REMOVED|MAT FRACTIONAL|MAT MODIFIED|MAT VALUE BASED"
    "|EFF ATOMIC NUM|ELECTRON DENSITY"  # both lines: PS3.3 C.8.2.1.1.1
    "|ADDITION|DIVISION|MASKED|MULTIPLICATION|STD DEVIATION|SUBTRACTION|T TEST|Z SCORE"
    "|R?CBF|R?CBV|MTT|TTP"  # both lines: PS3.3 C.8.16.1.4
    "|GSI MD|SUB|VPCT|PERF"
    "|IODINE.*|VNC|VUE|VIRTUAL NON ?CONTRAST|VIRTUAL UNENHANCED|Z ?EFF(?:ECTIVE)?|EFF(?:ECTIVE)? Z"
    "|RHO ?Z?|PBV|TTD|TMAX"
)
_MIP: Final = (
    "MAX IP|MIN IP|MAXIMUM|MINIMUM"  # PS3.3 C.8.16.2.1.3 and C.8.16.1.4
    "|PROJECTION IMAGE|(?:.* )?(?:MIP|MNIP|MINIP|MAXIP)(?: .*)?"
)
_CURVED: Final = "CURVED MPR|CPR"

_BY_TYPE: Final = tuple(
    (reason, re.compile(words))
    for reason, words in (
        (WhyNot.LOCALIZER, _LOCALIZER),
        (WhyNot.SCREENSHOT, f"(?:CT SOM[0-9]+ )?(?:{_SCREENSHOT})"),
        (WhyNot.MAP, f"(?:CT SOM[0-9]+ )?(?:{_MAP})"),
        (WhyNot.MIP, _MIP),
        (WhyNot.DERIVED, _CURVED),
    )
)
"""Patterns of a whole value, underscores read as blanks."""

_BY_DESCRIPTION: Final = (
    (
        WhyNot.MAP,
        re.compile(
            r"\b(?:VNC|VUE|PBV|Z ?EFF(?:ECTIVE)?|ELECTRON DENSITY|VIRTUAL NON ?CONTRAST)\b"
            r"|\bIODINE ?(?:MAP|DENSITY|NO WATER|OVERLAY|CONC|\(WATER\))"
        ),
    ),
    (WhyNot.MIP, re.compile(r"\b(?:MIP|MINIP|MAXIP)\b")),
)
"""Parts of Series Description, of derived images only: a technician writes what he likes."""

AXIAL_FROM: Final = 0.7071
"""Cosine of the slices' normal and the body's axis at 45 degrees. A gantry tilts by 30 at most, and
a head may lie obliquely besides; coronal and sagittal are 90. BOA takes 0.85 (32 degrees)."""

AXIAL: Final = 0.01
"""How much less than 1 that cosine may be in images across the body: 8 degrees, as in IDC."""


def aside(image: Image) -> WhyNot | None:
    """Whether an image is none of a CT volume, whatever series it stands in."""
    if f"{image.sop_class}.".startswith(f"{SECONDARY_CAPTURE}."):
        return WhyNot.SCREENSHOT
    if image.modality != "CT" or image.sop_class not in CT_OR_BLANK or image.rows == 0:
        return WhyNot.NOT_CT
    reason = _of_type(image.image_type)
    if reason in {WhyNot.LOCALIZER, WhyNot.SCREENSHOT}:
        return reason
    if image.samples != 1 or image.photometric not in GREY:
        return WhyNot.SCREENSHOT
    placed = image.position_mm or image.orientation or image.frames > 1
    if not placed and (image.burned_in or "DERIVED" in image.image_type):
        return WhyNot.SCREENSHOT
    return None


def by_type(image: Image) -> WhyNot | None:
    """What an image that may be one of a CT volume says of that volume."""
    if image.burned_in:
        return WhyNot.SCREENSHOT
    if not is_hounsfield(image.rescale_type):
        return WhyNot.MAP
    reason = _of_type(image.image_type)
    if reason or "DERIVED" not in image.image_type:
        return reason
    return _of_description(image.description)


@lru_cache(maxsize=1024)
def _of_type(image_type: tuple[str, ...]) -> WhyNot | None:
    words = [word.replace("_", " ").strip() for word in image_type[2:]]
    found = (reason for reason, words_of in _BY_TYPE if any(map(words_of.fullmatch, words)))
    return next(found, None)


@lru_cache(maxsize=1024)
def _of_description(description: str) -> WhyNot | None:
    text = description.upper().replace("_", " ")
    return next((reason for reason, words in _BY_DESCRIPTION if words.search(text)), None)
