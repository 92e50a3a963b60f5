"""Keys: the same for the same series at one site, and nothing without the secret."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import unicodedata
import uuid
from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom.uid import UID
from scipy.stats import kstest

from jobs.archive.keys import FIRST_DAYS, KeyMaker, key_maker
from jobs.archive.patient_id import is_nobodys
from segment_actor.errors import SetupError
from segment_actor.person import canonical_id

SECRET = "0123456789abcdef"  # noqa: S105  # it guards nothing
KEYS = KeyMaker(SECRET.encode())


def test_a_key_is_the_hmac_of_the_identifier() -> None:
    expected = hmac.new(SECRET.encode(), b"series:1.2.3", hashlib.sha256).hexdigest()[:32]
    assert KeyMaker(SECRET.encode()).series_key("1.2.3") == expected


def test_a_series_a_study_and_a_patient_of_the_same_name_have_different_keys() -> None:
    assert len({KEYS.series_key("7"), KEYS.study_key("7"), KEYS.patient_key("7")}) == 3


NUMBERS = st.integers(1, 99_999).map(str)
"""Ids that are a patient's."""


@given(NUMBERS, st.dates(), st.dates())
def test_the_days_between_two_scans_of_a_patient_are_exact(
    patient: str, one: date, other: date
) -> None:
    first, second = KEYS.scan_day(one, patient), KEYS.scan_day(other, patient)
    assert first is not None
    assert second is not None
    assert second - first == (other - one).days


@given(NUMBERS, st.dates(date(1971, 10, 1), date(2071, 10, 1)))
def test_a_scan_day_is_a_date_beside_a_secret_of_site_and_patient(patient: str, day: date) -> None:
    scan_day = KEYS.scan_day(day, patient)
    assert scan_day is not None
    first_day = scan_day - day.toordinal()
    expected = hmac.new(KEYS.secret, f"day:{patient}".encode(), hashlib.sha256).hexdigest()
    assert first_day == int(expected, 16) % FIRST_DAYS
    assert scan_day < 2**53
    assert KEYS.scan_day(day, f"{patient}'") != scan_day
    assert KEYS.scan_day(day, patient, "another hospital") != scan_day
    assert KeyMaker(b"b" * 16).scan_day(day, patient) != scan_day


def test_the_days_of_many_patients_scanned_on_one_day_fill_the_range_evenly() -> None:
    patients = (KEYS.scan_day(date(2020, 1, 31), f"P{n}") for n in range(4000))
    days = sorted(day / FIRST_DAYS for day in patients if day is not None)
    assert len(days) == 4000
    assert kstest(days, "uniform").pvalue > 0.01
    # all of them, and any scan of 100 years, lie where a value says nothing about its date
    assert 36_525 / FIRST_DAYS < days[0] < days[-1] < 1 - 36_525 / FIRST_DAYS


@pytest.mark.parametrize("patient", ["1", "0012345", "AB-123", "P1", "患者7", "4711/08", "99"])
def test_a_plain_id_without_issuer_has_the_key_of_earlier_versions(patient: str) -> None:
    expected = hmac.new(KEYS.secret, f"patient:{patient}".encode(), hashlib.sha256).hexdigest()
    assert KEYS.patient_key(patient) == expected[:32]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AB 12", " AB  12\0"),
        ("ab12", "AB12"),
        ("Müller 7", "MU\u0308LLER 7"),
        ("Straße", "STRASSE"),
    ],
)
def test_two_spellings_of_an_id_are_one_patient(one: str, other: str) -> None:
    assert KEYS.patient_key(one) == KEYS.patient_key(other) is not None
    assert KEYS.scan_day(date(2020, 1, 1), one) == KEYS.scan_day(date(2020, 1, 1), other)


@given(st.text())
def test_the_form_in_which_ids_are_compared_is_final_and_one_line(text: str) -> None:
    form = canonical_id(text)
    assert canonical_id(form) == form
    assert "\n" not in form
    assert canonical_id(unicodedata.normalize("NFD", text)) == form


@pytest.mark.parametrize("other", ["12", "0012", "A-12", "A12", "1 2"])
def test_zeros_and_punctuation_tell_patients_apart(other: str) -> None:
    others = {"12", "0012", "A-12", "A12", "1 2"} - {other}
    assert KEYS.patient_key(other) not in set(map(KEYS.patient_key, others))


@pytest.mark.parametrize(
    "nobody",
    [
        "", " ", "\0", "-", "?", "***", "0", "000000", "X", "XXXXXX", "999999", "ANONYMOUS",
        "anon", "Anonymous^Patient", "(unknown)", "Unbekannt", "None", "NULL", "<NA>", "N/A",
        "no id", "k.A.", "PATIENT", "Patient ID", "TEST", "REMOVED", "Doe^John",
    ],
)  # fmt: skip
def test_an_id_that_names_nobody_has_no_key(nobody: str) -> None:
    assert KEYS.patient_key(nobody) is None
    assert KEYS.patient_key(nobody, "a hospital") is None
    assert KEYS.scan_day(date(2020, 1, 1), nobody) is None


@pytest.mark.parametrize("somebody", ["ANON-0017", "TEST-7", "X1", "999", "0001", "NADINE", "A"])
def test_a_pseudonym_that_tells_patients_apart_is_a_patient(somebody: str) -> None:
    assert KEYS.patient_key(somebody) is not None


def test_one_number_of_two_hospitals_is_two_patients() -> None:
    keys = {KEYS.patient_key("7", issuer) for issuer in ("", "North", "South")}
    assert len(keys) == 3
    assert KEYS.patient_key("7", " north ") == KEYS.patient_key("7", "North")
    assert KEYS.patient_key("7", "UNKNOWN") == KEYS.patient_key("7")


@given(st.text(), st.text(), st.text(), st.text())
def test_no_id_and_issuer_are_taken_for_another_id_and_issuer(
    one: str, by: str, other: str, by_other: str
) -> None:
    forms = [canonical_id(each) for each in (one, by, other, by_other)]
    assume(forms[:2] != forms[2:] and not any(map(is_nobodys, forms)))
    assert KEYS.patient_key(one, by) != KEYS.patient_key(other, by_other)


def test_a_uid_is_one_with_and_without_what_fills_it_up() -> None:
    assert KEYS.series_key("1.2.3\0") == KEYS.series_key(" 1.2.3 ") == KEYS.series_key("1.2.3")
    assert KEYS.study_key("1.2.3\0") == KEYS.study_key("1.2.3")
    assert KEYS.series_key(" a.nii") != KEYS.series_key("a.nii")  # a path is no UID


def test_the_volumes_of_a_series_and_the_acquisitions_of_a_study_have_keys_of_their_own() -> None:
    assert KEYS.series_key("1.2", "") == KEYS.series_key("1.2")
    assert len({KEYS.series_key("1.2", part) for part in ("", "a", "b")}) == 3
    assert KEYS.acquisition_key("1.2", "a") == KEYS.acquisition_key("1.2\0", "a")
    assert (
        len({KEYS.acquisition_key(*at) for at in (("1.2", "a"), ("1.2", "b"), ("1.3", "a"))}) == 3
    )


def test_a_path_that_is_no_text_has_a_key() -> None:
    latin_1 = os.fsdecode(b"M\xfcller.nii.gz")
    assert KEYS.series_key(latin_1) != KEYS.series_key("Muller.nii.gz")


def test_the_version_of_an_input_cannot_be_found_by_guessing_its_path_and_time() -> None:
    content = "Doe/1.dcm 526000-1700000000"
    version = KEYS.input_version(content)
    assert version == KEYS.input_version(content) != KEYS.input_version(content + "1")
    assert version not in hashlib.sha256(content.encode()).hexdigest()
    assert version != KeyMaker(b"b" * 16).input_version(content)


@given(st.from_regex(r"[12]\.[0-9]{1,9}(\.[1-9][0-9]{0,8}){1,5}", fullmatch=True))
def test_a_hidden_uid_is_a_valid_uid_of_a_uuid_and_the_same_at_each_run(uid: str) -> None:
    hidden = UID(KEYS.uid("series", uid))
    assert hidden.is_valid
    assert uuid.UUID(int=int(hidden.removeprefix("2.25."))).version == 4
    assert hidden == KEYS.uid("series", f"{uid}\0")
    assert hidden not in {KEYS.uid("study", uid), KeyMaker(b"b" * 16).uid("series", uid)}


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
