from __future__ import annotations

from pathlib import Path

import pytest

from jobs.shared.staging import staged, writing_to
from segment_actor.errors import SetupError


def test_files_appear_together_and_replace_older_ones(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with staged(tmp_path) as scratch:
        (scratch / "a").write_text("new")
        (scratch / "b").write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a").read_text() == "new"


def test_files_of_a_subfolder_replace_those_of_the_same_subfolder(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "old.png").write_text("old")
    with staged(tmp_path) as scratch:
        (scratch / "figures").mkdir()
        (scratch / "figures" / "new.png").write_text("new")
    assert sorted(f.name for f in (tmp_path / "figures").iterdir()) == ["new.png", "old.png"]
    assert [f.name for f in tmp_path.iterdir()] == ["figures"]


def test_after_an_error_nothing_has_changed(tmp_path: Path) -> None:
    def write() -> None:
        with staged(tmp_path / "out") as scratch:
            (scratch / "a").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_a_set_up_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SetupError, match="cannot write to"), staged(tmp_path / "file" / "out"):
        pass


def test_a_name_that_is_too_long_is_a_set_up_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="File name too long"), staged(tmp_path / ("x" * 256)):
        pass


def test_a_full_disk_is_a_set_up_error(tmp_path: Path) -> None:
    full = OSError(28, "No space left on device")
    with pytest.raises(SetupError, match="No space left"), writing_to(tmp_path):
        raise full
