"""The old place of `stats.tables.schema`; it goes with the release after 0.2."""

from __future__ import annotations

import warnings

from stats.tables.scans import SCANS
from stats.tables.schema import (
    FAILURES,
    PARTITION,
    RUNS,
    SCHEMAS,
    STRUCTURES,
    TableName,
    check_columns,
)

__all__ = [
    "FAILURES",
    "PARTITION",
    "RUNS",
    "SCANS",
    "SCHEMAS",
    "STRUCTURES",
    "TableName",
    "check_columns",
]

warnings.warn(
    "stats.schema is now stats.tables.schema; the old name goes with the release after 0.2",
    DeprecationWarning,
    stacklevel=2,
)
