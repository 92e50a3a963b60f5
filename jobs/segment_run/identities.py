"""Whom results in DICOM name."""

from __future__ import annotations

from typing import Final

PATIENT, REMOVED = "patient", "removed"
IDENTITIES: Final = (PATIENT, REMOVED)
"""The patient, as a PACS needs it, or keys in his place."""
