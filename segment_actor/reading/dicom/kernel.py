"""Whether a reconstruction kernel smooths or sharpens, from the name that its maker gave it.

Sharp kernels raise noise and edges, and with them the tails of HU. The name itself is not kept:
makers let users write their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal

Kernel = Literal["soft", "sharp"]

SHARP_FROM: Final = 50
"""Of Siemens, the number in the name grows with sharpness: B10 to B41 are for the tissue of the
body, B50 to B80 for "higher sharpness" (SOMATOM Sensation Cardiac, operating instructions A60,
page 316); so of Br40 or Hr59 of later scanners. NLST took B30 as soft and B50 as sharp."""

_SIEMENS: Final = re.compile(r"[BDHIJQSU][A-Z]?(\d\d)[A-Z]{0,2}")

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

_CANON: Final = re.compile(r"FC(\d\d)(-H)?")
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
    maker, kernel = (manufacturer or "").upper(), (name or "").upper().strip()
    rule = next((rule for word, rule in _RULES if re.search(rf"\b{word}\b", maker)), None)
    return rule(kernel) if rule else None


def _of_siemens(kernel: str) -> Kernel | None:
    found = _SIEMENS.fullmatch(kernel)
    return None if found is None else "sharp" if int(found[1]) >= SHARP_FROM else "soft"


def _of_canon(kernel: str) -> Kernel | None:
    found = _CANON.fullmatch(kernel)
    number = int(found[1]) if found else -1
    return next((kind for numbers, kind in CANON if number in numbers), None)


_RULES: Final[tuple[tuple[str, Callable[[str], Kernel | None]], ...]] = (
    ("SIEMENS", _of_siemens),
    ("GE", lambda kernel: GE.get(re.sub(r"[ _+-]", "", kernel))),
    ("PHILIPS", PHILIPS.get),
    ("TOSHIBA", _of_canon),
    ("CANON", _of_canon),
)
