"""A series of the index: one CT of an archive, or what was taken for one.

It is the hospital's link between keys and files: it stays with the hospital, and nothing of it but
keys, ages and sexes goes into the tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Final, NamedTuple

import pyarrow as pa

from segment_actor.reading.dicom.grouping.why_not import WhyNot
from segment_actor.reading.series import Kind

ONE_PER_ACQUISITION, ALL = "one-per-acquisition", "all"
"""Which series are measured: of each acquisition one reconstruction, or every CT there is."""


class File(NamedTuple):
    """Where a file lies: the path of its object, and its name in there if the object holds many."""

    path: str
    member: str | None = None

    @property
    def name(self) -> str:
        """For rules about names."""
        return self.member or self.path


@dataclass(frozen=True, slots=True)
class Series:
    """One CT of an archive, as the index knows it; its files are rows of a table of their own.

    Attributes:
        number: of the series in its index; what travels in place of paths.
        series_key: pseudonym of the series.
        kind: nifti (one file), dicom (its images), zip (a container as a whole, because nothing in
            it could be told).
        bytes: size of its files together.
        input_version: changes when one of its objects changes.
        archive: URI of the archive.
        patient_key: pseudonym of the patient, if the file names one.
        study_key: pseudonym of the study, if the file or the demographics name one.
        acquisition_key: pseudonym of the acquisition, of which there may be several series.
        age_years, sex: from the demographics, if they are known.
        scan_day: day of the scan, counted from a secret day of the patient.
        why_not: why it is not measured by default; None if it is.
        left_out: images of its series that belong to no volume: scouts, dose pictures.
        elsewhere: images of its series that are another volume of it, such as a phase.
        images: how many files it has.
        path: the folder or file that holds all of it, for people.
        series_number, description: of its header, for people.
    """

    number: int
    series_key: str
    kind: Kind
    bytes: int
    input_version: str
    archive: str
    patient_key: str | None = None
    study_key: str | None = None
    acquisition_key: str | None = None
    age_years: float | None = None
    sex: str | None = None
    scan_day: int | None = None
    why_not: str | None = None
    left_out: int = 0
    elsewhere: int = 0
    images: int = 1
    path: str = field(default="", repr=False)
    series_number: float | None = None
    description: str = field(default="", repr=False)

    @property
    def selected(self) -> bool:
        """Whether it is measured by default."""
        return self.why_not is None


_KINDS: Final = {
    "number": pa.int64(), "bytes": pa.int64(), "age_years": pa.float64(), "scan_day": pa.int64(),
    "left_out": pa.int64(), "elsewhere": pa.int64(), "images": pa.int64(),
    "series_number": pa.float64(),
}  # fmt: skip

SERIES: Final = pa.schema(
    [
        *((each.name, _KINDS.get(each.name, pa.string())) for each in fields(Series)),
        ("selected", pa.bool_()),
    ]
)
"""The table of series: the fields of `Series`, and `selected`, for questions in SQL."""

FILES: Final = pa.schema([("number", pa.int64()), ("path", pa.string()), ("member", pa.string())])
"""The table of their files, sorted by the number of the series."""


def wanted(series: Iterable[Series], which: str) -> list[Series]:
    """The series that a run measures.

    Args:
        series: of an index.
        which: ONE_PER_ACQUISITION or ALL.
    """
    return [
        one
        for one in series
        if one.why_not is None or (which == ALL and WhyNot(one.why_not).is_volume)
    ]


def to_row(series: Series) -> dict[str, object]:
    """A row of `SERIES`."""
    row = {each.name: getattr(series, each.name) for each in fields(Series)}
    return row | {"selected": series.selected}


def from_table(table: pa.Table) -> list[Series]:
    """Back from rows of `SERIES`.

    Raises:
        KeyError, TypeError, ValueError, ArrowException: it is not such a table.
    """
    rows = table.select([each.name for each in fields(Series)]).to_pylist()
    return [Series(**row) for row in rows]
