"""The manifest as a file."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs.archive.manifest import Series, read_manifest, write_manifest
from segment_actor.errors import SetupError

ONE = Series("k1", None, "dicom", "s", ("s/1", "s/2"), 7, "v", "s3://cts", 63.5, "F")


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    series = [ONE, replace(ONE, series_key="k2", patient_key="p", age_years=None, sex=None)]
    series.append(replace(ONE, series_key="k3", study_key="s", scan_day=2**40))
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


def test_a_manifest_of_an_earlier_version_has_no_studies_and_days(tmp_path: Path) -> None:
    write_manifest([replace(ONE, study_key="s", scan_day=7)], str(tmp_path / "m"))
    later = pq.read_table(tmp_path / "m")
    pq.write_table(later.drop_columns(["study_key", "scan_day"]), tmp_path / "earlier")
    assert read_manifest(str(tmp_path / "earlier")) == [ONE]


@pytest.mark.parametrize(
    "change", [{"kind": "rar"}, {"files": ()}, {"path": None}, {"sex": "X"}, {"age_years": 191.0}]
)
def test_a_line_that_no_index_wrote_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    write_manifest([replace(ONE, **change)], str(tmp_path / "m"))
    with pytest.raises(SetupError, match="has lines that no index wrote"):
        read_manifest(str(tmp_path / "m"))


def test_another_file_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"something else")
    with pytest.raises(SetupError, match="is not a manifest, or damaged; make one with"):
        read_manifest(str(tmp_path / "m"))
