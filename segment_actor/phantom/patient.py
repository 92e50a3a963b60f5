"""Who the phantom is: everything that makes one body differ from the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from segment_actor.phantom.contrast import TYPICAL, Attenuation, Phase, draw_attenuation

Sex = Literal["M", "F"]

MALE_SHARE = 0.635
"""Share of men in the aging study (paper, section 3: 63.5 % of 4,004 patients)."""

SPLENECTOMY_SHARE = 0.03
NEPHRECTOMY_SHARE = 0.04
CHOLECYSTECTOMY_SHARE = 0.10
HIP_IMPLANT_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class Patient:
    """One made-up person.

    Attributes:
        seed: makes this person again; also drives the small differences between organs.
        age_years, sex: what the aging study asks for.
        height, girth: body size relative to the atlas, about 0.9 .. 1.1.
        fat_mm: thickness of the fat under the skin.
        phase: contrast phase of the CT.
        missing: structures removed by surgery.
        hip_implant: side of a metal hip, if any.
        own_attenuation: how bright blood and organs are; None for what is typical of the phase.
    """

    seed: int
    age_years: float
    sex: Sex
    height: float
    girth: float
    fat_mm: float
    phase: Phase
    missing: frozenset[str] = frozenset()
    hip_implant: Literal["left", "right"] | None = None
    own_attenuation: Attenuation | None = None

    @property
    def attenuation(self) -> Attenuation:
        """How bright blood and organs are."""
        return self.own_attenuation or TYPICAL[self.phase]

    @property
    def decades_from_55(self) -> float:
        """Age in decades around 55 years, the middle of the adult range."""
        return (self.age_years - 55.0) / 10.0


def draw_patient(seed: int) -> Patient:
    """Draws a person: adult, age uniform in 18..95 years as in the paper's polytrauma cohort."""
    rng = np.random.default_rng([seed, 1])
    sex: Sex = "M" if rng.random() < MALE_SHARE else "F"
    phases: tuple[Phase, ...] = ("native", "arterial", "portal_venous")
    missing = set()
    if rng.random() < SPLENECTOMY_SHARE:
        missing.add("spleen")
    if rng.random() < NEPHRECTOMY_SHARE:
        side = "left" if rng.random() < 0.5 else "right"
        missing |= {f"kidney_{side}", f"adrenal_gland_{side}"}
    if rng.random() < CHOLECYSTECTOMY_SHARE:
        missing.add("gallbladder")
    implant: Literal["left", "right"] | None = None
    if rng.random() < HIP_IMPLANT_SHARE:
        implant = "left" if rng.random() < 0.5 else "right"
    return Patient(
        seed=seed,
        age_years=round(float(rng.uniform(18.0, 95.0)), 1),
        sex=sex,
        height=float(np.clip(rng.normal(1.02 if sex == "M" else 0.96, 0.03), 0.88, 1.1)),
        girth=float(np.clip(rng.normal(1.02 if sex == "M" else 0.96, 0.04), 0.86, 1.12)),
        fat_mm=float(rng.uniform(8.0, 30.0)),
        phase=phases[int(rng.integers(3))],
        missing=frozenset(missing),
        hip_implant=implant,
    )


def in_phase(patient: Patient, phase: Phase) -> Patient:
    """The same person in a CT of this phase, with attenuations drawn for this person."""
    return replace(patient, phase=phase, own_attenuation=draw_attenuation(phase, patient.seed))
