"""What a column of the tables is made of, and the columns that several tables have."""

from __future__ import annotations

import pyarrow as pa

TEXT = pa.string()
COUNT = pa.int64()
NUMBER = pa.float64()
FLAG = pa.bool_()
INSTANT = pa.timestamp("us", tz="UTC")


def column(
    name: str, kind: pa.DataType, meaning: str, unit: str | None = None, *, required: bool = False
) -> pa.Field:
    """A column whose unit and meaning travel with it; NULL is allowed unless it is required."""
    metadata = {"description": meaning} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=not required, metadata=metadata)


SERIES = column(
    "series_key", TEXT, "Pseudonym of the CT series; the hospital keeps the link.", required=True
)
STAMP = (
    column(
        "pipeline_version",
        TEXT,
        "Fingerprint of models, label schema, settings and measurement; other value, other method.",
        required=True,
    ),
    column("run_id", TEXT, "The run that wrote this row; see table runs.", required=True),
    column("run_date", TEXT, "UTC day on which that run began, YYYY-MM-DD.", required=True),
    column("commit_seq", COUNT, "Number of the commit that wrote this row.", required=True),
)
