"""The unit of pixel values."""

from __future__ import annotations

import re
from typing import Final

HOUNSFIELD: Final = frozenset({
    "", "HU", "HOUNSFIELD", "HOUNSFIELDUNIT", "HOUNSFIELDUNITS", "HOUNDSFIELDUNIT",
    "HOUNDSFIELDUNITS", "US", "UNSPECIFIED",
})  # fmt: skip
"""Rescale Type (PS3.3 C.11.1.1.2) of an ordinary CT, letters and digits alone: [HU] and H.U. are
HU. Where it is missing, the standard itself says HU (C.8.2.1). The misspelt one was an example in
it. "Unspecified" and its code US say nothing, as if it were missing: what the values are is
judged by the values (`check_hounsfield`). Whatever else stands there is another unit."""


def is_hounsfield(rescale_type: str) -> bool:
    """Whether a Rescale Type means Hounsfield units."""
    return re.sub("[^A-Z0-9]", "", rescale_type.upper()) in HOUNSFIELD
