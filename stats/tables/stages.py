"""The stages that a CT goes through, in order: one list for the run, its tables and its report."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where a CT is, or where it failed. The value is what stands in `failures.stage`."""

    FETCH = "fetch"
    READ = "read"
    RESAMPLE = "resample"
    SEGMENT = "segment"
    MEASURE = "measure"
    WRITE = "write"


SECONDS_COLUMNS: Final[Mapping[Stage, str]] = {
    Stage.FETCH: "fetch_s",
    Stage.READ: "read_s",
    Stage.RESAMPLE: "resample_s",
    Stage.SEGMENT: "network_s",  # its name since the first tables
    Stage.MEASURE: "measure_s",
}
"""The stages whose seconds stand in `scans`, and where. Writing label maps is not timed there."""
