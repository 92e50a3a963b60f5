"""Reconstruction kernels: which one it was, and whether it smooths or sharpens.

Sharp kernels raise noise and edges, and with them the tails of HU. Makers let users write names of
their own: only those that the makers gave are told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from segment_actor.reading.dicom.facts.scanners import maker_of
from segment_actor.reading.dicom.facts.words import OTHER, plain

Kernel = Literal["soft", "sharp"]

SHARP_FROM: Final = 50
"""Of Siemens, the number in the name grows with sharpness: B10 to B41 are for the tissue of the
body, B50 to B80 for "higher sharpness" (SOMATOM Sensation Cardiac, operating instructions A60,
page 316); so of Br40 or Hr59 of later scanners. NLST took B30 as soft and B50 as sharp."""

_SIEMENS: Final = re.compile(r"[BDHIJQSU][A-Z]?(\d\d)[A-Z]{0,2}", re.ASCII)

GE: Final[dict[str, Kernel]] = {
    "SOFT": "soft", "STANDARD": "soft", "STND": "soft", "DETAIL": "soft",
    "LUNG": "sharp", "BONE": "sharp", "BONEPLUS": "sharp", "EDGE": "sharp", "ULTRA": "sharp",
}  # fmt: skip
"""NLST: GE Standard soft, GE Bone and Lung sharp. Bone plus, edge and ultra lie above bone in the
maker's list, soft below standard, detail next above it; CHST lies in between and is left out."""

PHILIPS: Final[dict[str, Kernel]] = {
    "A": "soft", "B": "soft", "C": "soft", "UA": "soft", "UB": "soft",
    "D": "sharp", "E": "sharp", "L": "sharp",
    "YA": "sharp", "YB": "sharp", "YC": "sharp", "YD": "sharp", "YE": "sharp",
}  # fmt: skip
"""NLST: Philips C soft, D sharp; A and B smooth more than C, E and the kernels for lung (L) and
bone (Y) sharpen like D or more."""

_CANON: Final = re.compile(r"FC(\d\d)(-H)?", re.ASCII)
CANON: Final[tuple[tuple[range, Kernel], ...]] = (
    (range(1, 20), "soft"),  # body: FC10 in NLST, FC13 in Korean J Radiol 2018;19:888
    (range(30, 36), "sharp"),  # bone
    (range(50, 57), "sharp"),  # lung: FC51 in NLST, FC55 in Korean J Radiol 2018;19:888
    (range(80, 90), "sharp"),  # lung and bone at high resolution
)
"""By the number; heads (20 to 29, 40 to 49) and phantoms (70 to 79) are left out."""


def kernel_of(manufacturer: str | None, name: str | None) -> Kernel | None:
    """Soft or sharp; None for a maker or a name that no rule of this module has.

    Sources: the National Lung Screening Trial records GE Standard and Bone, Philips C and D,
    Siemens B30 and B50F, Toshiba FC10 and FC51 (its data dictionary, ct_recon_filter), a soft and
    a sharp one of each maker; and what stands beside the tables above.

    Args:
        manufacturer: Manufacturer (0008,0070).
        name: first value of Convolution Kernel (0018,1210).
    """
    rule = _RULES.get(maker_of(manufacturer) or "")
    return rule((name or "").upper().strip()) if rule else None


def kernel_name_of(manufacturer: str | None, values: Sequence[str]) -> str | None:
    r"""The maker's name of a kernel; `other` if it is on no list, None if the header is silent.

    Siemens writes a second value, the strength of the iterative reconstruction (SAFIRE, ADMIRE or
    QIR, 1 to 5): `Br40d` and `3` are `Br40d\3`, because the strength alters noise as kernels do.
    No other second value is told.

    Args:
        manufacturer: Manufacturer (0008,0070).
        values: all of Convolution Kernel (0018,1210).
    """
    if not values:
        return None
    maker = maker_of(manufacturer)
    rule = _NAMES.get(maker or "")
    name = rule(values[0].strip()) if rule else None
    if name is None:
        return OTHER
    strength = values[1] if maker == "Siemens" and len(values) > 1 else ""
    return f"{name}\\{strength}" if strength in STRENGTHS else name


def _of_siemens(kernel: str) -> Kernel | None:
    found = _SIEMENS.fullmatch(kernel)
    return None if found is None else "sharp" if int(found[1]) >= SHARP_FROM else "soft"


def _of_canon(kernel: str) -> Kernel | None:
    found = _CANON.fullmatch(kernel)
    number = int(found[1]) if found else -1
    return next((kind for numbers, kind in CANON if number in numbers), None)


_RULES: Final[Mapping[str, Callable[[str], Kernel | None]]] = {
    "Siemens": _of_siemens,
    "GE": lambda kernel: GE.get(re.sub(r"[ _+-]", "", kernel)),
    "Philips": PHILIPS.get,
    "Canon": _of_canon,
}

STRENGTHS: Final = frozenset("12345")
"""Of Siemens' iterative reconstructions (SAFIRE and ADMIRE 1 to 5, QIR 1 to 4)."""

_SIEMENS_NAME: Final = re.compile(
    r"([BDHIJQSTU]|B[FLRV]|H[CFNPRV]|QR|S[ADMPT]|TR|U[RX])\d\d[DFHMSU]?", re.IGNORECASE | re.ASCII
)
"""A letter for the region (body, head, child, special, topogram, ultra), a second one since 2012,
the sharpness, and a letter for the way (fast, standard, medium, high, ultra high)."""

GE_NAMES: Final[Mapping[str, str]] = {
    **{name: name for name in GE}, "STND": "STANDARD", "BONE+": "BONEPLUS", "CHST": "CHST",
    **{f"HD{name}": f"HD {name}" for name in GE}, "HDSTND": "HD STANDARD",
}  # fmt: skip
"""Those above, and those of the high definition mode (Discovery CT750 HD and later)."""

PHILIPS_NAMES: Final = frozenset(
    (
        *PHILIPS, "CA", "CB", "CC", "CD", "EB", "EC", "F", "UC", "XA", "XB", "XC", "XCA", "XCB",
        "XCC", "XCD",
    )
)  # fmt: skip
"""Those above, and those for the heart (C, XC), the brain (U) and for detail (E, F)."""

_UNITED_NAME: Final = re.compile(r"[BCHL]_(SMOOTH|V?SOFT|[VU]?SHARP)_[A-E]", re.ASCII)
"""Region, sharpness, generation."""


def _name_of_siemens(kernel: str) -> str | None:
    return kernel.capitalize() if _SIEMENS_NAME.fullmatch(kernel) else None


def _name_of_ge(kernel: str) -> str | None:
    return GE_NAMES.get(plain(kernel).upper())


def _name_of_philips(kernel: str) -> str | None:
    return kernel.upper() if kernel.upper() in PHILIPS_NAMES else None


def _name_of_canon(kernel: str) -> str | None:
    return kernel.upper() if _CANON.fullmatch(kernel.upper()) else None


def _name_of_united(kernel: str) -> str | None:
    return kernel.upper() if _UNITED_NAME.fullmatch(kernel.upper()) else None


_NAMES: Final[Mapping[str, Callable[[str], str | None]]] = {
    "Siemens": _name_of_siemens,
    "GE": _name_of_ge,
    "Philips": _name_of_philips,
    "Canon": _name_of_canon,
    "United Imaging": _name_of_united,
}
