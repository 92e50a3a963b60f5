"""Ray's folder: for us alone while it is there, and gone afterwards."""

from __future__ import annotations

import logging
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import session_folder as module
from cluster.session_folder import RAYS_PART, session_folder
from segment_actor.errors import SetupError


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where such folders are made; pytest's own names are too long for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("RAY_TMPDIR", short)
        yield Path(short)


def test_whatever_mode_ray_gives_its_folder_nobody_else_gets_there(base: Path) -> None:
    with session_folder() as folder:
        Path(folder, "session").mkdir(parents=True)
        Path(folder).chmod(0o777)
        assert stat.S_IMODE(Path(folder).parent.stat().st_mode) == 0o700
        assert Path(folder).is_relative_to(base)
    assert not any(base.iterdir())


def test_it_is_gone_after_an_error_too(base: Path) -> None:
    with pytest.raises(ZeroDivisionError), session_folder():
        raise ZeroDivisionError
    assert not any(base.iterdir())


def test_a_folder_in_which_rays_sockets_have_no_place_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * (107 - RAYS_PART))
    long.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    with pytest.raises(SetupError, match=r"bytes too long for its sockets\. Set RAY_TMPDIR"):
        session_folder().__enter__()
    assert not any(long.iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/proc/1")
    with pytest.raises(SetupError, match=r"no folder can be made in /proc/1 \(No such file"):
        session_folder().__enter__()


@pytest.mark.usefixtures("base")
def test_what_cannot_be_removed_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "REMOVALS", 1)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with caplog.at_level(logging.WARNING), session_folder():
        pass
    monkeypatch.undo()
    assert "could not be removed. Do so: it may hold voxels" in caplog.text
