"""The contrast phase of a CT, from the measured attenuation of blood and organs and its header.

A moment after the injection is a typical enhancement above native of eight tissues, each with its
spread; what the tissues of one CT share (dose, tube voltage) is averaged over. Bayes' rule gives
the probability of each phase, and what fits none of them is unknown. docs/reference/contrast.md has
the sources of the numbers, and how often the answer is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from stats.measure import Status, StructureRow
from stats.quality.codes import Verdict


class PhaseName(StrEnum):
    """What `scans.contrast_phase` says."""

    NATIVE = "native"
    ARTERIAL = "arterial"
    PORTAL_VENOUS = "portal_venous"
    LATE = "late"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Phase:
    """The contrast phase of a CT.

    Attributes:
        name: unknown where no phase is sure enough.
        method: measured, or header: native because the header says so and no measurement
            contradicts it.
        confidence: probability of the phase, 0..1; of unknown that of the phase which came
            nearest, 0 where nothing could be measured.
    """

    name: PhaseName
    method: str
    confidence: float

    def __str__(self) -> str:
        """For a person, such as "arterial (measured, confidence 0.99)"."""
        return f"{self.name} ({self.method}, confidence {self.confidence:.2f})"


class Tissue(NamedTuple):
    """How bright a tissue is.

    Attributes:
        structures: names in any schema; the largest that counts is taken.
        native_hu: mean without contrast medium.
        native_sd_hu: standard deviation between patients.
        enhancement_hu: above native, for a usual dose, at each of `MOMENTS`.
    """

    structures: tuple[str, ...]
    native_hu: float
    native_sd_hu: float
    enhancement_hu: tuple[float, ...]


class Moment(NamedTuple):
    """A moment after the injection.

    Attributes:
        phase: that it belongs to.
        together: standard deviation of what all tissues of a CT share of their enhancement: iodine
            per kilogram, tube voltage; of the late phase also the time, since blood and organs are
            in equilibrium then and fall together. A share of the enhancement.
        alone: the same for what each tissue has for itself.
        misled: share of measurements that say nothing: a thrombus, a wrong mask. Fewer without
            contrast medium, since hardly anything else makes a tissue bright.
        excreted: share of CTs with urine brighter than `EXCRETED_HU`; before the late phase from an
            earlier injection.
    """

    phase: PhaseName
    together: float
    alone: float
    misled: float
    excreted: float


def _both(name: str) -> tuple[str, str]:
    return f"{name}_left", f"{name}_right"


MOMENTS: Final = (
    Moment(PhaseName.NATIVE, together=0.0, alone=0.0, misled=0.01, excreted=0.03),
    Moment(PhaseName.ARTERIAL, together=0.3, alone=0.5, misled=0.05, excreted=0.03),
    Moment(PhaseName.ARTERIAL, together=0.2, alone=0.35, misled=0.05, excreted=0.03),
    Moment(PhaseName.PORTAL_VENOUS, together=0.2, alone=0.2, misled=0.05, excreted=0.05),
    Moment(PhaseName.LATE, together=0.25, alone=0.12, misled=0.05, excreted=0.6),
)
"""Native, some 20 s (lung arteries), 35 s, 70 s and 3 to 10 minutes after the injection began."""

TISSUES: Final = (
    Tissue(
        ("aorta", "heart_ventricle_left", "heart_atrium_left", "pulmonary_vein",
         "brachiocephalic_trunk", *_both("iliac_artery"), *_both("subclavian_artery"),
         *_both("common_carotid_artery")),
        38, 8, (0, 150, 300, 120, 56),
    ),
    Tissue(
        ("pulmonary_artery", "heart_atrium_right", "heart_ventricle_right"),
        38, 8, (0, 280, 200, 115, 56),
    ),
    Tissue(("portal_vein_and_splenic_vein",), 38, 8, (0, 5, 85, 125, 56)),
    Tissue(("inferior_vena_cava",), 37, 8, (0, 20, 60, 85, 56)),
    Tissue(_both("iliac_vena"), 37, 8, (0, 0, 5, 45, 56)),
    Tissue(("liver",), 55, 12, (0, 3, 20, 58, 30)),
    Tissue(("spleen",), 47, 8, (0, 40, 100, 76, 39)),
    Tissue(_both("kidney"), 30, 6, (0, 75, 130, 155, 115)),
)  # fmt: skip

URINE: Final = "urinary_bladder"

EXCRETED_HU: Final = 60.0
"""Urine is brighter than this only once contrast medium was excreted into it."""

SURE: Final = 0.8
"""A phase less probable than this is unknown."""

MIN_ML: Final = 1.0
"""A smaller structure is mostly edge."""

LATER: Final = (PhaseName.ARTERIAL, PhaseName.PORTAL_VENOUS, PhaseName.LATE)

UNENHANCED: Final = {None: 0.24, False: 0.9, True: 0.24}
ENHANCED: Final = {None: 0.24, False: 0.03, True: 0.24}
"""Probability of native, and of each other phase, by the header alone (`agent`); what is left
belongs to no phase. After "yes" native stays possible and is never the answer: such a CT is
unknown."""

RANGE_HU: Final = 600.0
"""A measurement that says nothing lies anywhere within it."""

_STEPS: Final = np.linspace(-2.5, 2.5, 21)
_STEP_WEIGHTS: Final = np.exp(-_STEPS * _STEPS / 2.0) / np.exp(-_STEPS * _STEPS / 2.0).sum()


def contrast_phase(rows: Mapping[str, StructureRow], agent: bool | None) -> Phase:  # noqa: FBT001
    """Tells the contrast phase of a CT.

    Args:
        rows: the measured structures by name. Those count that are there, at least 1 ml, and with
            no finding of quality control that fails them; cut by the field of view or not.
        agent: whether the header names a contrast agent; None where it is silent.
    """
    measured = _medians(rows)
    likelihoods = [_likelihood(n, measured) * _of_urine(m, rows) for n, m in enumerate(MOMENTS)]
    weights = {}
    for phase in (PhaseName.NATIVE, *LATER):
        prior = (UNENHANCED if phase is PhaseName.NATIVE else ENHANCED)[agent]
        own = [x for x, m in zip(likelihoods, MOMENTS, strict=True) if m.phase is phase]
        weights[phase] = prior * fmean(own)
    none_of_them = (1.0 - UNENHANCED[agent] - 3.0 * ENHANCED[agent]) * RANGE_HU ** -len(measured)
    total = sum(weights.values()) + none_of_them
    best = max(LATER if agent else weights, key=lambda phase: weights[phase])
    confidence = weights[best] / total
    if confidence >= SURE and agent is False and best is PhaseName.NATIVE:
        return Phase(best, "header", confidence)
    if not measured:
        return Phase(PhaseName.UNKNOWN, "measured", 0.0)
    return Phase(best if confidence >= SURE else PhaseName.UNKNOWN, "measured", confidence)


def _likelihood(number: int, measured: Mapping[Tissue, float]) -> float:
    """Probability density of all medians at this moment, averaged over what they share."""
    moment = MOMENTS[number]
    shared = np.exp(_STEPS * moment.together)
    density: npt.NDArray[np.float64] = _STEP_WEIGHTS
    for tissue, hu in measured.items():
        enhancement = tissue.enhancement_hu[number] * shared
        sd = np.hypot(tissue.native_sd_hu, moment.alone * enhancement)
        z = (hu - tissue.native_hu - enhancement) / sd
        normal = np.exp(-z * z / 2.0) / (sd * math.sqrt(2.0 * math.pi))
        density = density * ((1.0 - moment.misled) * normal + moment.misled / RANGE_HU)
    return float(density.sum())


def _of_urine(moment: Moment, rows: Mapping[str, StructureRow]) -> float:
    """Probability of urine that is as bright, or as dark."""
    hu = _median(rows, URINE)
    if hu is None:
        return 1.0
    return moment.excreted if hu > EXCRETED_HU else 1.0 - moment.excreted


def _medians(rows: Mapping[str, StructureRow]) -> dict[Tissue, float]:
    """Median HU of each tissue that was measured, in its largest structure."""
    found = {}
    for tissue in TISSUES:
        there = [name for name in tissue.structures if _median(rows, name) is not None]
        if there:
            largest = max(there, key=lambda name: rows[name].volume_ml or 0.0)
            found[tissue] = rows[largest].hu_median or 0.0
    return found


def _median(rows: Mapping[str, StructureRow], name: str) -> float | None:
    row = rows.get(name)
    if row is None or row.status not in {Status.OK, Status.TRUNCATED}:
        return None
    if row.qc == Verdict.FAIL or (row.volume_ml or 0.0) < MIN_ML:
        return None
    return row.hu_median
