"""Settings: a TOML file, flags before it, and nothing that is not understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.segment_run.config import SegmentConfig, segment_config
from segment_actor.errors import SetupError

GOOD = {"archive": "a", "tables": "t"}


def toml(folder: Path, text: str) -> Path:
    file = folder / "run.toml"
    file.write_text(text)
    return file


def test_flags_go_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    file = toml(tmp_path, 'archive = "a"\ntables = "t"\nlanes = 3\nmax_attempts = 2\n')
    config = segment_config(file, {"lanes": 5, "model_set": None})
    assert config == SegmentConfig(tables="t", archive="a", lanes=5, max_attempts=2)


def test_an_unknown_key_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    file = toml(tmp_path, 'tables = "t"\nmodel_sett = "x"\n')
    with pytest.raises(SetupError, match="unknown key 'model_sett'; did you mean 'model_set'"):
        segment_config(file, {})


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('lanes = "two"', "lanes cannot be 'two'; expected a whole number"),
        ("lanes = true", "lanes cannot be True"),
        ("lanes = 1.5", "lanes cannot be 1.5"),
        ("ages_above_90 = 95", "ages_above_90 cannot be 95; expected true or false"),
        ("retry_failed = 1", "retry_failed cannot be 1; expected true or false"),
        ("lanes = 0", "lanes must be from 1 to 10,000, got 0"),
        ("lanes = 999999999", "lanes must be from 1 to 10,000"),
        ("max_attempts = -4", "max_attempts must be from 1 "),
        ("commit_every_s = -1", "commit_every_s must be from 0.1 "),
        ("commit_every_s = nan", "commit_every_s must be from 0.1 to 86,400, got nan"),
        ("commit_every_s = inf", "commit_every_s must be from 0.1 "),
        ("group_timeout_s = nan", "group_timeout_s must be from 1 "),
        ('model_set = ""', "model_set is empty"),
        ('labels = "  "', "labels is empty"),
        ('labels = "a\\u0000b"', "labels must be a text of one line"),
        ("lanes = 0x1" + "0" * 5000, "lanes must be from 1 .*, got a number of 20001 bits"),
        ('precision = "float64"', "precision must be one of float32, bfloat16"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_key(
    tmp_path: Path, line: str, sentence: str
) -> None:
    with pytest.raises(SetupError, match=sentence):
        segment_config(toml(tmp_path, line), GOOD)


def test_a_whole_number_will_do_for_seconds() -> None:
    assert segment_config(None, {**GOOD, "commit_every_s": 5}).commit_every_s == 5


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Say where the CTs are: --archive URI, or --index FOLDER"),
        ({"index": "i", "demographics": "d.csv"}, "--demographics needs --archive"),
        (
            {"archive": "a", "series": "some"},
            "series must be one-per-acquisition or all; got 'some'",
        ),
    ],
)
def test_settings_that_say_no_archive_or_no_known_choice_are_refused(
    settings: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SetupError, match=sentence):
        segment_config(None, {"tables": "t", **settings})


@pytest.mark.parametrize("key", ["tables", "archive"])
def test_an_unset_variable_of_the_shell_is_not_the_current_folder(key: str) -> None:
    with pytest.raises(SetupError, match=f"{key} is empty"):
        segment_config(None, GOOD | {key: ""})


def test_tables_are_needed() -> None:
    with pytest.raises(SetupError, match="--tables URI"):
        segment_config(None, {"archive": "a"})


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none.toml: No such file"):
        segment_config(tmp_path / "none.toml", GOOD)
    with pytest.raises(SetupError, match="is not a TOML file"):
        segment_config(toml(tmp_path, "archive ="), GOOD)
    with pytest.raises(SetupError, match="nested too deeply"):
        segment_config(toml(tmp_path, "archive = " + "[" * 20_000), GOOD)
