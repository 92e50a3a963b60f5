"""Kinds of DICOM objects, by their SOP class (PS3.4 B.5), and of their pixels."""

from __future__ import annotations

from typing import Final

from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
)

ENHANCED_CT: Final = frozenset((EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage))
"""All images of a CT in one file, or in a few."""

CT_CLASSES: Final = ENHANCED_CT | {CTImageStorage}

SECONDARY_CAPTURE: Final = SecondaryCaptureImageStorage
"""So begin this class and its four multi-frame forms: screenshots."""

DICOMDIR: Final = MediaStorageDirectoryStorage
"""The table of contents of a CD, no image."""

DOCUMENTS: Final = (
    "1.2.840.10008.5.1.4.1.1.11.",  # presentation states
    "1.2.840.10008.5.1.4.1.1.88.",  # structured reports, key object selections
    "1.2.840.10008.5.1.4.1.1.104.",  # encapsulated documents
)
"""How the classes begin whose objects have no pixels and may lie beside a CT."""

INVERTED: Final = "MONOCHROME1"
"""Shown with air in white. The values should stay as they are; some programs turn them."""

GREY: Final = frozenset(("", INVERTED, "MONOCHROME2"))
"""Photometric interpretations of one value a pixel; where nothing is said, it is one."""
