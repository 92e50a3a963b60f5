"""From an address to an index: where it is kept, and what an address is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.stores.opening import plain_uri
from jobs.archive.refresh import default_folder, refreshed_index
from tests.support.tiny_cohort import good_cts, write_objects


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTCOHORT_SITE_SECRET", "0123456789abcdef")
    monkeypatch.setenv("CTCOHORT_SITE_SECRET_FILE", str(tmp_path / "site" / "secret"))


def test_one_folder_has_one_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = ["cts", "cts/", "./cts", f"{tmp_path}/x/../cts", f"file://{tmp_path}/cts"]
    assert {plain_uri(place) for place in places} == {f"{tmp_path}/cts"}
    assert plain_uri("s3://bucket/cts/") == "s3://bucket/cts"


def test_the_index_is_kept_beside_the_secret_and_found_again(tmp_path: Path) -> None:
    archive = write_objects(tmp_path / "cts", good_cts([1]))
    first = refreshed_index(str(archive))
    assert first.folder.uri == str(default_folder(str(archive)))
    assert refreshed_index(f"{archive}/").generation.name == first.generation.name


def test_where_nothing_can_be_kept_the_index_is_made_for_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    archive = write_objects(tmp_path / "cts", good_cts([1]))
    monkeypatch.setenv("CTCOHORT_SITE_SECRET_FILE", "/proc/1/secret")
    assert len(refreshed_index(str(archive)).series()) == 1
    assert "The index is made for this run alone; keep it with --index FOLDER." in caplog.text
