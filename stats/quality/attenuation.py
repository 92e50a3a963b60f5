"""Are the values Hounsfield units, and those of the tissue that a structure is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from stats.quality.codes import Code, Finding
from stats.quality.limits import Limits, load_limits
from stats.quality.observed import Judged, ObservedStructure

NARROW_HU: Final = 100
"""No CT of a body has a smaller range (the bound at which reading refuses a CT as well)."""

FEW: Final = 3
"""Fewer structures are no evidence about a whole CT."""

MUSCLE_HU: Final = (-50.0, 100.0)
"""What the median of all muscles' medians lies between. A voxel counts as muscle from -29 to 150
HU, as fatty muscle below 30 (Aubrey et al., Acta Physiol 2014;210:489); healthy muscle has 50 to 65
HU, contrast adds some 15. On 200 phantoms (seeds 20000 to 20199) 26 to 83."""

AIR_HU: Final = (-1060.0, -950.0)
"""What the 5th percentile in the trachea lies between: air is -1000 HU by definition (Hounsfield
1973), noise takes it lower, and many scanners cut off at -1024."""

RESCALED_AIR_HU: Final = -700.0
"""Above it, no voxel in trachea and lungs is air: no disease fills the trachea, too."""

LOBES: Final = 4
"""So many lobes without air, or the trachea: lower lobes alone may be collapsed."""

BLOOD_FED: Final = ("liver", "spleen", "kidney_left", "kidney_right")
"""Organs of soft tissue: a liver may hold so much fat that it is below 0 HU, not all of them."""

SOFT_LOW_HU: Final = -20.0
"""No median over soft organs is lower."""


def attenuation_findings(judged: Judged) -> Iterator[Finding]:
    """Values of another unit throughout, or of another tissue in one structure."""
    there = list(judged.values())
    odd = [one for one in there if _odd(one)]
    air = [s for s in there if s.name == "trachea" or s.name.startswith("lung_")]
    muscles = [s for s in there if s.structure.category == "muscle"]
    if len(there) >= FEW and _rescaled(there, odd):
        yield from ((Code.HU_RESCALED, s.name) for s in there)
    elif _airless(air):
        yield from ((Code.HU_RESCALED, s.name) for s in air)
    elif _shifted(judged, muscles):
        yield from ((Code.HU_SHIFTED, s.name) for s in muscles)
    else:
        yield from ((Code.HU_IMPLAUSIBLE, s.name) for s in odd)


def _odd(one: ObservedStructure) -> bool:
    bounds = load_limits().get(one.name, Limits())
    return not bounds.hu_mean_low <= one.hu_mean <= bounds.hu_mean_high


def _rescaled(there: Sequence[ObservedStructure], odd: Sequence[ObservedStructure]) -> bool:
    """A range that no body has, nothing below water (noise alone goes there), or most are odd."""
    low, high = min(s.hu_min for s in there), max(s.hu_max for s in there)
    return high - low < NARROW_HU or low >= 0 or 2 * len(odd) > len(there)


def _airless(air: Sequence[ObservedStructure]) -> bool:
    """All that holds air is there, and no air in it: every value is nearer to 0 than it was."""
    enough = len(air) >= LOBES or (len(air) > 1 and any(s.name == "trachea" for s in air))
    return enough and all(s.hu_p05 > RESCALED_AIR_HU for s in air)


def _shifted(judged: Judged, muscles: Sequence[ObservedStructure]) -> bool:
    """Muscle is off, in the median over several of them, and air or soft organs the same way."""
    if len(muscles) < FEW:
        return False
    muscle_hu = median(s.hu_median for s in muscles)
    low_hu, high_hu = MUSCLE_HU
    if low_hu <= muscle_hu <= high_hu:
        return False
    if "trachea" in judged:
        air_hu = judged["trachea"].hu_p05
        return air_hu > AIR_HU[1] if muscle_hu > high_hu else air_hu < AIR_HU[0]
    soft_hu = [judged[name].hu_median for name in BLOOD_FED if name in judged]
    return muscle_hu > high_hu or (bool(soft_hu) and median(soft_hu) < SOFT_LOW_HU)
