"""The manifest: one row a CT series, and the only place that holds paths.

It is the hospital's link table between keys and files: it stays with the hospital, and nothing of
it but keys, ages and sexes goes into the tables.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.stores.one_file import read_bytes, write_bytes
from segment_actor.errors import SetupError
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
    ]
)


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


def write_manifest(series: Sequence[Series], uri: str) -> None:
    """Writes a manifest as Parquet; on this machine for the eyes of its owner alone.

    Raises:
        SetupError: it cannot be written there.
    """
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([asdict(s) for s in series], schema=SCHEMA), sink)
    write_bytes(uri, sink.getvalue(), private=True)


def read_manifest(uri: str) -> list[Series]:
    """Reads a manifest.

    Raises:
        SetupError: it cannot be read, or is not a manifest of one archive.
    """
    try:
        table = pq.read_table(pa.BufferReader(read_bytes(uri)))
        rows = table.select(SCHEMA.names).cast(SCHEMA).to_pylist()
    except (pa.ArrowException, KeyError) as error:
        raise SetupError(
            f"{uri} is not a manifest; make one with: ctcohort index --archive URI --out FILE"
        ) from error
    series = [Series(**{**row, "files": tuple(row["files"])}) for row in rows]
    if len({s.archive for s in series}) > 1:
        raise SetupError(f"{uri} mixes several archives; index and segment them one by one.")
    if len({s.series_key for s in series}) < len(series):
        raise SetupError(f"{uri} names a series twice; make it again with ctcohort index.")
    return series
