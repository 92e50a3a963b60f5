"""The manifest as a file."""

from __future__ import annotations

import stat
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


def test_a_manifest_is_for_its_owner_alone_as_it_links_keys_to_paths(tmp_path: Path) -> None:
    new, old = tmp_path / "new" / "m.parquet", tmp_path / "old.parquet"
    old.touch(0o644)
    for file in (new, old):
        write_manifest([ONE], str(file))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(SetupError, match="Cannot write"):
        write_manifest([ONE], str(old.parent))
    write_manifest([ONE], f"file://{old}")
    assert read_manifest(f"file://{old}") == [ONE]


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
