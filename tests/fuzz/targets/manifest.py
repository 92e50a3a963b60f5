"""Manifests whose bytes are damaged: refused, or read as what was written."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from jobs.archive.manifest import Series, read_manifest, write_manifest
from tests.fuzz.byte_damage import damaged
from tests.fuzz.case import Arrays, Case


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Manifests of 0 to 30 series; those of earlier versions have no checksums."""
    while True:
        series = [_series(rng, n) for n in range(rng.integers(31))]
        done, data = damaged(rng, _written(series))
        yield _case(done, data, series)
        done, data = damaged(rng, _without_checksums(_written(series)))
        yield _case(f"earlier, {done}", data)


def _case(done: str, data: bytes, series: list[Series] | None = None) -> Case:
    expected = None if series is None else lambda: _said(series)
    return Case(done, {"manifest": data}, lambda: _said(_read(data)), expected)


def _series(rng: np.random.Generator, number: int) -> Series:
    known = rng.random(5) < 0.7
    return Series(
        series_key=rng.bytes(16).hex(),
        patient_key=rng.bytes(16).hex() if known[0] else None,
        kind=(("nifti", "zip", "dicom")[rng.integers(3)]),
        path=f"folder \u00e4/{number}",
        files=tuple(f"folder \u00e4/{number}/{k}" for k in range(rng.integers(1, 5))),
        bytes=int(rng.integers(2**40)),
        input_version=rng.bytes(8).hex(),
        archive="s3://cts",
        age_years=float(rng.integers(100)) if known[1] else None,
        sex="MFO"[rng.integers(3)] if known[2] else None,
        study_key=rng.bytes(16).hex() if known[3] else None,
        scan_day=int(rng.integers(10**12)) if known[4] else None,
    )


def _written(series: list[Series]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_manifest(series, f"{folder}/manifest")
        return Path(folder, "manifest").read_bytes()


def _without_checksums(data: bytes) -> bytes:
    written = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(data)), written)
    return written.getvalue()


def _read(data: bytes) -> list[Series]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "manifest").write_bytes(data)
        return read_manifest(f"{folder}/manifest")


def _said(series: list[Series]) -> Arrays:
    return (np.frombuffer(repr(series).encode(errors="replace"), np.uint8),)
