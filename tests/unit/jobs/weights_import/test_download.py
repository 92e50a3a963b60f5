"""A download goes on where it broke off, and never passes for whole before it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.weights_import.download import download_file
from segment_actor.errors import SetupError
from tests.support.http_site import Site, running_site

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_site(CONTENT) as made:
        yield made


def fetch(site: Site, target: Path, most_bytes: int = 10**8) -> None:
    download_file(f"{site.url}/model.zip", target, most_bytes, pause_s=0)


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(site: Site, tmp_path: Path) -> None:
    fetch(site, tmp_path / "model.zip")
    assert (tmp_path / "model.zip").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["model.zip"]


def test_a_connection_that_drops_is_taken_up_where_it_ended(site: Site, tmp_path: Path) -> None:
    site.breaks_after = 300_000
    fetch(site, tmp_path / "model.zip")
    assert (tmp_path / "model.zip").read_bytes() == CONTENT
    assert site.ranges == ["", "bytes=300000-", "bytes=600000-", "bytes=900000-"]


def test_what_came_before_the_last_failure_is_kept_for_the_next_run(
    site: Site, tmp_path: Path
) -> None:
    target = tmp_path / "model.zip"
    (tmp_path / "model.zip.part").write_bytes(CONTENT[:500])
    (tmp_path / "model.zip.etag").write_text(site.etag)
    site.breaks_after = 0
    with pytest.raises(SetupError, match=r"broke off after 500 bytes .* goes on from there"):
        fetch(site, target)
    assert not target.exists()
    site.breaks_after = None
    fetch(site, target)
    assert target.read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "model.zip.part").write_bytes(b"old" * 100)
    (tmp_path / "model.zip.etag").write_text('"zero"')
    fetch(site, tmp_path / "model.zip")
    assert (tmp_path / "model.zip").read_bytes() == CONTENT


def test_without_an_entity_tag_nothing_is_patched_together(site: Site, tmp_path: Path) -> None:
    site.etag = 'W/"weak"'
    site.breaks_after = 300_000
    with pytest.raises(SetupError, match="broke off"):
        fetch(site, tmp_path / "model.zip")
    assert set(site.ranges) == {""}


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (503, 3)])
def test_a_refusal_ends_at_once_and_a_busy_server_is_asked_again(
    site: Site, tmp_path: Path, status: int, tries: int
) -> None:
    site.status = status
    with pytest.raises(SetupError, match=str(status)):
        fetch(site, tmp_path / "model.zip")
    assert len(site.ranges) == tries
    assert list(tmp_path.iterdir()) == []


def test_a_file_larger_than_any_model_is_refused_before_it_is_written(
    site: Site, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match="more than any model"):
        fetch(site, tmp_path / "model.zip", most_bytes=1000)
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_the_address_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="broke off after 0 bytes"):
        download_file("http://127.0.0.1:9/model.zip", tmp_path / "model.zip", 10, pause_s=0)


def test_other_addresses_than_http_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="only https:// and http://"):
        download_file("file:///etc/passwd", tmp_path / "model.zip", 10)
