"""The old place of `segment_actor.segment`; it goes with the release after 0.2."""

from __future__ import annotations

import warnings

from segment_actor.segment import Segmented, names_of, segment_image, segment_scan

__all__ = ["Segmented", "names_of", "segment_image", "segment_scan"]

warnings.warn(
    "segment_actor.one is now segment_actor.segment; the old name goes with the release after 0.2",
    DeprecationWarning,
    stacklevel=2,
)
