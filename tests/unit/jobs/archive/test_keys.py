"""Keys: the same for the same series at one site, and nothing without the secret."""

from __future__ import annotations

import hashlib
import hmac
import stat
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from jobs.archive.keys import FIRST_DAYS, KeyMaker, key_maker
from segment_actor.errors import SetupError

SECRET = "0123456789abcdef"  # noqa: S105  # it guards nothing
KEYS = KeyMaker(SECRET.encode())


def test_a_key_is_the_hmac_of_the_identifier() -> None:
    expected = hmac.new(SECRET.encode(), b"series:1.2.3", hashlib.sha256).hexdigest()[:32]
    assert KeyMaker(SECRET.encode()).series_key("1.2.3") == expected


def test_a_series_a_study_and_a_patient_of_the_same_name_have_different_keys() -> None:
    assert len({KEYS.series_key("7"), KEYS.study_key("7"), KEYS.patient_key("7")}) == 3


@given(st.text(), st.dates(), st.dates())
def test_the_days_between_two_scans_of_a_patient_are_exact(
    patient: str, one: date, other: date
) -> None:
    days = KEYS.scan_day(other, patient) - KEYS.scan_day(one, patient)
    assert days == (other - one).days


@given(st.text(), st.dates(date(1971, 10, 1), date(2071, 10, 1)))
def test_a_scan_day_is_a_date_beside_a_secret_of_site_and_patient(patient: str, day: date) -> None:
    first_day = KEYS.scan_day(day, patient) - day.toordinal()
    expected = hmac.new(KEYS.secret, f"day:{patient}".encode(), hashlib.sha256).hexdigest()
    assert first_day == int(expected, 16) % FIRST_DAYS
    assert KEYS.scan_day(day, patient) < 2**53
    assert KEYS.scan_day(day, f"{patient}'") != KEYS.scan_day(day, patient)
    assert KeyMaker(b"b" * 16).scan_day(day, patient) != KEYS.scan_day(day, patient)


def test_the_days_of_many_patients_scanned_on_one_day_fill_the_range_evenly() -> None:
    days = sorted(KEYS.scan_day(date(2020, 1, 31), str(n)) / FIRST_DAYS for n in range(4000))
    assert kstest(days, "uniform").pvalue > 0.01
    # all of them, and any scan of 100 years, lie where a value says nothing about its date
    assert 36_525 / FIRST_DAYS < days[0] < days[-1] < 1 - 36_525 / FIRST_DAYS


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
