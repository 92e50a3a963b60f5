"""How bright blood and organs are: the contrast phase of a phantom.

`TYPICAL` has one set of means for each phase that `draw_patient` draws. `draw_attenuation` gives a
set that no two patients share: the moment within the phase, the dose of iodine and every tissue
vary. It is what the test of stats.contrast_phase is made of, and its numbers are taken from other
studies than that module's are, but for the lung artery's:

- native: blood 28 to 44 HU in the middle half of 325 patients, of whom 60 % were anaemic
  (Research Square 1420003, 2022); liver 58 +- 9 HU, 32 +- 14 HU with severe steatosis (Int J Legal
  Med 2019;133:1861); unobstructed kidney 31 +- 5 HU (PubMed 21388763)
- arterial and portal venous: lung artery 294, 208 and 157 HU and aorta 240, 277 and 172 HU at 25,
  35 and 45 s (150 patients, PubMed 17242236); aorta of healthy donors up to 464 HU, renal veins
  277 HU (PLoS One 2014;9:e91774); liver 37 to 50 HU above native at 60 s (Herts, AJR 1995;164:327);
  femoral veins 57 +- 24 HU where blood is not mixed yet (PubMed 26296540)
- late: veins 118 HU at 3 minutes (Cho, Korean J Radiol 2013;14:183), arteries and veins equal from
  then on, and falling (Bae, Radiology 2010;256:32)

What none of them gives (spleen, pancreas, heart muscle, the end of the late phase) is set to what
clinical CT shows, so a phantom is evidence about a rule and not about patients.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np

from segment_actor.phantom.render import Vector

Phase = Literal["native", "arterial", "portal_venous", "late"]


class Attenuation(NamedTuple):
    """Mean HU of the tissues that contrast medium changes, in one CT."""

    arteries: float
    veins: float
    portal: float
    right_heart: float
    lung_artery: float
    kidney: float
    liver: float
    spleen: float
    pancreas: float
    myocardium: float
    renal_medulla: float
    pelvic_veins: float
    urine: float


TYPICAL: Final[dict[Phase, Attenuation]] = {
    "native": Attenuation(42, 40, 41, 42, 42, 32, 58, 48, 42, 44, 27.2, 40, 8),
    "arterial": Attenuation(310, 90, 110, 220, 330, 150, 70, 120, 105, 110, 127.5, 90, 8),
    "portal_venous": Attenuation(
        155, 150, 170, 150, 155, 190, 112, 122, 92, 105, 161.5, 150, 8
    ),
    "late": Attenuation(100, 100, 100, 100, 100, 145, 88, 88, 72, 80, 145, 100, 300),
}  # fmt: skip
"""Typical values of clinical CT."""

# HU above native at the begin and at the end of a phase, for a usual dose of iodine.
_BEGIN_AND_END: Final[dict[Phase, tuple[Attenuation, Attenuation]]] = {
    "arterial": (  # some 20 s and 40 s after the injection began
        Attenuation(205, 15, 5, 330, 300, 130, 3, 55, 35, 40, 25, 0, 0),
        Attenuation(330, 70, 100, 150, 180, 205, 25, 100, 70, 65, 85, 5, 0),
    ),
    "portal_venous": (  # 55 s and 85 s
        Attenuation(140, 65, 110, 125, 125, 165, 42, 80, 60, 65, 110, 20, 0),
        Attenuation(95, 90, 110, 95, 98, 150, 55, 62, 45, 52, 150, 65, 0),
    ),
    "late": (  # 3 and 10 minutes
        Attenuation(75, 75, 77, 75, 75, 130, 38, 48, 34, 40, 130, 72, 0),
        Attenuation(42, 42, 42, 42, 42, 85, 22, 30, 20, 28, 95, 42, 700),
    ),
}  # fmt: skip

_DOSE: Final = (0.8, 1.25)
"""Range of the iodine that reaches the blood, against a usual dose: weight, agent, tube voltage."""

_TISSUE_SPREAD: Final = 0.08
"""Standard deviation of one tissue's enhancement between patients, as a share."""

_NATIVE_BLOOD_HU: Final = (28.0, 48.0)


def draw_attenuation(phase: Phase, seed: int) -> Attenuation:
    """Draws what one patient's CT of this phase looks like.

    Args:
        phase: of the CT.
        seed: the same seed gives the same values.
    """
    rng = np.random.default_rng([seed, 6])
    blood = rng.uniform(*_NATIVE_BLOOD_HU)
    kidney, liver = rng.normal(31.0, 4.0), rng.uniform(35.0, 65.0)
    native = np.full(len(Attenuation._fields), blood)
    native += rng.normal(0.0, 2.0, native.size)
    organs = Attenuation._fields.index
    native[[organs("kidney"), organs("renal_medulla")]] = kidney
    native[organs("liver")] = liver
    native[organs("spleen")] = blood + rng.uniform(4.0, 12.0)
    native[organs("urine")] = rng.uniform(0.0, 15.0)
    if phase == "native":
        return Attenuation(*(float(hu) for hu in native))
    begin, end = (np.asarray(part) for part in _BEGIN_AND_END[phase])
    when, dose = rng.uniform(), rng.uniform(*_DOSE)
    spread: Vector = 1.0 + rng.normal(0.0, _TISSUE_SPREAD, native.size)
    enhanced = native + (begin + (end - begin) * when) * dose * spread
    return Attenuation(*(float(hu) for hu in enhanced))
