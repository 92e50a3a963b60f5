"""Whether two headers name one person."""

from __future__ import annotations

import unicodedata


def same_text(text: str) -> str:
    """The same for two ways to write one id: as one character or two, in capitals or not."""
    return unicodedata.normalize("NFC", text).strip().casefold()
