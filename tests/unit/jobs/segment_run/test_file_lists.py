"""Keyed UIDs are made with the secret of the index, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.archive.keys import KeyMaker
from jobs.archive.store import Generation
from jobs.segment_run.file_lists import FileLists
from tests.support.ct_files import dicom, dicom_slices, made_hu
from tests.support.indexing import index_of

SECRET = "a secret of this site"  # noqa: S105  # it guards nothing

Made = tuple[str, Generation, Path]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """An index, and where its secret should lie."""
    monkeypatch.delenv("CTCOHORT_SITE_SECRET", raising=False)
    archive = tmp_path / "archive"
    archive.mkdir()
    for number, one in enumerate(dicom_slices(made_hu((8, 8, 4), seed=1))):
        (archive / f"{number}.dcm").write_bytes(dicom(one))
    index = index_of(archive, tmp_path / "index", keys=KeyMaker(SECRET.encode()))
    return index.folder.uri, index.generation, tmp_path / "secret"


def test_where_the_secret_is_missing_none_is_made(made: Made) -> None:
    folder, generation, file = made
    assert not FileLists(folder, generation, str(file)).can_hide()
    assert not file.exists()


def test_another_secret_than_that_of_the_index_is_noticed(made: Made) -> None:
    folder, generation, file = made
    file.write_text(SECRET + ", but another")
    assert not FileLists(folder, generation, str(file)).can_hide()


def test_the_secret_may_lie_in_the_file_of_the_driver(made: Made) -> None:
    folder, generation, file = made
    file.write_text(SECRET)
    lists = FileLists(folder, generation, str(file))
    assert lists.can_hide()
    assert lists.hidden(["1.2.3"]) == [KeyMaker(SECRET.encode()).uid("dicom", "1.2.3")]


def test_the_secret_may_be_in_the_environment(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, generation, file = made
    monkeypatch.setenv("CTCOHORT_SITE_SECRET", SECRET)
    assert FileLists(folder, generation, str(file)).can_hide()
