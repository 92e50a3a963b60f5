"""What can be asked for. Without highdicom, which takes its time to import."""

from __future__ import annotations

from enum import StrEnum

KINDS = ("seg", "sr")
"""Segmentation, and structured report."""


class SegType(StrEnum):
    """How a segmentation holds its segments."""

    LABELMAP = "labelmap"
    BINARY = "binary"
