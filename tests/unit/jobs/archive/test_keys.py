"""Keys: the same for the same series at one site, and nothing without the secret."""

from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path

import pytest

from jobs.archive.keys import KeyMaker, key_maker
from segment_actor.errors import SetupError

SECRET = "0123456789abcdef"  # noqa: S105  # it guards nothing


def test_a_key_is_the_hmac_of_the_identifier() -> None:
    expected = hmac.new(SECRET.encode(), b"series:1.2.3", hashlib.sha256).hexdigest()[:32]
    assert KeyMaker(SECRET.encode()).series_key("1.2.3") == expected


def test_a_series_and_a_patient_of_the_same_name_have_different_keys() -> None:
    keys = KeyMaker(SECRET.encode())
    assert keys.series_key("7") != keys.patient_key("7")


def test_another_site_has_other_keys() -> None:
    assert KeyMaker(b"a" * 16).series_key("1.2.3") != KeyMaker(b"b" * 16).series_key("1.2.3")


def test_the_first_use_makes_a_secret_that_only_its_owner_can_read(tmp_path: Path) -> None:
    file = tmp_path / "config" / "site_secret"
    first = key_maker(None, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key_maker(None, file) == first


def test_the_environments_secret_goes_before_the_file(tmp_path: Path) -> None:
    assert key_maker(SECRET, tmp_path / "none").secret == SECRET.encode()
    assert not (tmp_path / "none").exists()


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="has 5 characters; it needs 16"):
        key_maker("short", tmp_path / "none")


def test_a_secret_that_cannot_be_read_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="Set CTCOHORT_SITE_SECRET"):
        key_maker(None, tmp_path)


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(KeyMaker(SECRET.encode()))
