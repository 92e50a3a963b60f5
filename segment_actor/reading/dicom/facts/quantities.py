"""Numbers of a header: where each stands, in which unit, and what it can be.

A number outside of its range is a placeholder (0, -1, 999999), of another unit, or a slip: it is
not known then. The ranges are wider than what any scanner or patient has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from segment_actor.reading.dicom.file.header import (
    PYDICOM_ERRORS,
    first_number,
    quiet_pydicom,
    text_values,
)

GROUPS: Final = (
    "CTExposureSequence", "CTReconstructionSequence", "CTTableDynamicsSequence",
    "CTXRayDetailsSequence", "MultienergyCTCharacteristicsSequence", "PixelMeasuresSequence",
)  # fmt: skip
"""Where enhanced CT keeps what older images say at the top of the header (PS3.3, C.8.15.3)."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a header.

    Attributes:
        factors: the elements that hold it, the one to prefer first, and what makes our unit of
            theirs.
        least: possible, in our unit.
        most: likewise.
    """

    factors: Mapping[str, float]
    least: float
    most: float

    def first(self, places: Sequence[Dataset]) -> float | None:
        """The first possible value."""
        return next((value for place in places if (value := self._in(place)) is not None), None)

    def mean(self, places: Sequence[Dataset]) -> float | None:
        """The mean of the possible values."""
        values = [value for place in places if (value := self._in(place)) is not None]
        return fmean(values) if values else None

    def _in(self, place: Dataset) -> float | None:
        for keyword, factor in self.factors.items():
            value = first_number(place, keyword) if keyword in place else None
            if value is not None and self.least <= value * factor <= self.most:
                return value * factor
        return None


KVP: Final = Quantity({"KVP": 1.0}, 20.0, 10_000.0)
"""kV. Diagnostic tubes have 70 to 150, the beams of radiotherapy that take CTs up to 6 MV."""

SLICE_THICKNESS_MM: Final = Quantity({"SliceThickness": 1.0}, 0.01, 200.0)
"""From micro-CT to thick slabs."""

TUBE_CURRENT_MA: Final = Quantity(
    {"XRayTubeCurrentInmA": 1.0, "XRayTubeCurrent": 1.0, "XRayTubeCurrentInuA": 1e-3}, 0.1, 5_000.0
)
"""Dental cone beams begin at 2 mA, two tubes of 1,300 mA are the most."""

EXPOSURE_MAS: Final = Quantity(
    {"ExposureInmAs": 1.0, "Exposure": 1.0, "ExposureInuAs": 1e-3}, 0.01, 50_000.0
)
"""Exposure (0018,1152) is in mAs, Exposure in µAs (0018,1153) in thousandths of that. The most:
1,300 mA for half a minute."""

CTDI_VOL_MGY: Final = Quantity({"CTDIvol": 1.0}, 1e-3, 5_000.0)
"""From an ultra-low-dose chest (0.1 mGy) to a perfusion of the brain (500 mGy), with a decade."""

PITCH: Final = Quantity({"SpiralPitchFactor": 1.0}, 0.01, 10.0)
"""0.1 for the heart, 3.4 with two tubes; 0 stands for no spiral."""

DIAMETER_MM: Final = Quantity(
    {"ReconstructionDiameter": 1.0, "ReconstructionFieldOfView": 1.0}, 5.0, 2_000.0
)
"""From an inner ear (40 mm) or a specimen to the widest bore (900 mm)."""

ENERGY_KEV: Final = Quantity({"MonoenergeticEnergyEquivalent": 1.0}, 10.0, 1_000.0)
"""Scanners offer 35 to 200 keV."""

HEIGHT_CM: Final = Quantity({"PatientSize": 100.0}, 20.0, 280.0)
"""Patient's Size (0010,1020) is in m. The smallest newborns have 22 cm, the tallest man had 272."""

WEIGHT_KG: Final = Quantity({"PatientWeight": 1.0}, 0.2, 700.0)
"""The lightest newborns have 0.2 kg, the heaviest man had 635."""

LOSSY_RATIO: Final = Quantity({"LossyImageCompressionRatio": 1.0}, 1.0, 1_000.0)
"""1 keeps all bytes."""

_KEV: Final = re.compile(r"(?<!\d)(\d{2,3}) ?keV", re.IGNORECASE | re.ASCII)


def places_of(headers: Sequence[Dataset]) -> list[Dataset]:
    """Where an element may stand: in the headers, and in the functional groups of enhanced CT."""
    return [
        *headers,
        *(
            group
            for header in headers
            for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
            for item in items(header, groups)
            for keyword in GROUPS
            for group in items(item, keyword)
        ),
        *(group for header in headers for keyword in GROUPS for group in items(header, keyword)),
    ]


def energy_kev(places: Sequence[Dataset]) -> float | None:
    """The energy of a virtual monoenergetic image.

    Scanners before Supplement 188 (2018) write it into the description alone, as `Mono 70 keV`.
    Nothing but the number is taken of that text, and none if it names two.
    """
    said = ENERGY_KEV.first(places)
    if said is not None or not places:
        return said
    texts = (text for key in _TEXTS for text in text_values(places[0], key))
    named = {float(number) for text in texts for number in _KEV.findall(text)}
    energy = named.pop() if len(named) == 1 else None
    return energy if energy is not None and ENERGY_KEV.least <= energy <= ENERGY_KEV.most else None


_TEXTS: Final = ("SeriesDescription", "ImageComments", "DerivationDescription")


def items(header: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence; () if it is missing or malformed."""
    if keyword not in header:
        return ()
    try:
        with quiet_pydicom():
            value = header.get(keyword)
            return tuple(value) if isinstance(value, Items) else ()
    except PYDICOM_ERRORS:
        return ()
