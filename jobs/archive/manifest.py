"""The manifest: one row a CT series, and the only place that holds paths.

It is the hospital's link table between keys and files: it stays with the hospital, and nothing of
it but keys, ages and sexes goes into the tables.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.stores.one_file import read_bytes, write_bytes
from segment_actor.errors import SetupError
from segment_actor.person import OLDEST_YEARS, Sex
from segment_actor.reading.series import Kind

SCHEMA = pa.schema(
    [
        ("series_key", pa.string()),
        ("patient_key", pa.string()),
        ("kind", pa.string()),
        ("path", pa.string()),
        ("files", pa.list_(pa.string())),
        ("bytes", pa.int64()),
        ("input_version", pa.string()),
        ("archive", pa.string()),
        ("age_years", pa.float64()),
        ("sex", pa.string()),
        ("study_key", pa.string()),
        ("scan_day", pa.int64()),
    ]
)

LATER_COLUMNS = ("study_key", "scan_day")
"""What manifests of earlier versions do not have."""

REQUIRED_COLUMNS = ("series_key", "kind", "path", "files", "bytes", "input_version", "archive")


@dataclass(frozen=True, slots=True)
class Series:
    """One CT series of the archive.

    Attributes:
        series_key: pseudonym of the series.
        patient_key: pseudonym of the patient, if the file names one.
        kind: nifti (one file), zip (one file), dicom (a folder of files).
        path: of the file or folder, relative to the archive.
        files: the objects to fetch, relative to the archive.
        bytes: their size together.
        input_version: changes when one of them changes.
        archive: URI of the archive.
        age_years, sex: from the demographics, if they are known.
        study_key: pseudonym of the study, if the file or the demographics name one.
        scan_day: day of the scan, counted from a secret day of the patient.
    """

    series_key: str
    patient_key: str | None
    kind: Kind
    path: str
    files: tuple[str, ...]
    bytes: int
    input_version: str
    archive: str
    age_years: float | None = None
    sex: str | None = None
    study_key: str | None = None
    scan_day: int | None = None


def write_manifest(series: Sequence[Series], uri: str) -> None:
    """Writes a manifest as Parquet; on this machine for the eyes of its owner alone.

    Raises:
        SetupError: it cannot be written there.
    """
    sink = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist([asdict(s) for s in series], schema=SCHEMA),
        sink,
        write_page_checksum=True,
    )
    write_bytes(uri, sink.getvalue(), private=True)


def read_manifest(uri: str) -> list[Series]:
    """Reads a manifest.

    Raises:
        SetupError: it cannot be read, or is not a manifest of one archive.
    """
    try:
        stored = pa.BufferReader(read_bytes(uri))
        table = pq.read_table(stored, page_checksum_verification=True)
        for column in LATER_COLUMNS:
            if column not in table.column_names:
                table = table.append_column(column, pa.nulls(len(table)))
        rows = table.select(SCHEMA.names).cast(SCHEMA).to_pylist()
    except (pa.ArrowException, KeyError, OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"{uri} is not a manifest, or damaged; make one with: "
            "ctcohort index --archive URI --out FILE"
        ) from error
    if any(not _is_sound(row) for row in rows):
        raise SetupError(f"{uri} has lines that no index wrote; make it again with ctcohort index.")
    series = [Series(**{**row, "files": tuple(row["files"])}) for row in rows]
    if len({s.archive for s in series}) > 1:
        raise SetupError(f"{uri} mixes several archives; index and segment them one by one.")
    if len({s.series_key for s in series}) < len(series):
        raise SetupError(f"{uri} names a series twice; make it again with ctcohort index.")
    return series


def _is_sound(row: dict[str, Any]) -> bool:
    """Whether a row can be one of `write_manifest`."""
    return (
        all(row[column] is not None for column in REQUIRED_COLUMNS)
        and row["kind"] in get_args(Kind)
        and None not in row["files"]
        and bool(row["files"])
        and row["sex"] in (None, *get_args(Sex))
        and (row["age_years"] is None or 0 <= row["age_years"] <= OLDEST_YEARS)
    )
