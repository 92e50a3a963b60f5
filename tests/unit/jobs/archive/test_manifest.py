"""The manifest as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jobs.archive.manifest import Series, read_manifest, write_manifest
from segment_actor.errors import SetupError

ONE = Series("k1", None, "dicom", "s", ("s/1", "s/2"), 7, "v", "s3://cts", 63.5, "F")


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    series = [ONE, replace(ONE, series_key="k2", patient_key="p", age_years=None, sex=None)]
    write_manifest(series, str(tmp_path / "m.parquet"))
    assert read_manifest(str(tmp_path / "m.parquet")) == series


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (replace(ONE, series_key="k2", archive="s3://other"), "mixes several archives"),
        (replace(ONE, path="t"), "names a series twice"),
    ],
)
def test_a_manifest_that_could_lead_astray_is_refused(
    tmp_path: Path, other: Series, sentence: str
) -> None:
    write_manifest([ONE, other], str(tmp_path / "m"))
    with pytest.raises(SetupError, match=sentence):
        read_manifest(str(tmp_path / "m"))


def test_another_file_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"something else")
    with pytest.raises(SetupError, match="is not a manifest; make one with"):
        read_manifest(str(tmp_path / "m"))
