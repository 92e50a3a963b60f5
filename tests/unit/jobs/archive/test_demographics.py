"""Ages and sexes from a CSV."""

from __future__ import annotations

from datetime import date

import pytest

from jobs.archive.demographics import Person, place, read_demographics
from segment_actor.errors import SetupError


def test_empty_cells_and_words_for_it_are_not_known() -> None:
    people = read_demographics(b"path,age_years,sex\na,,\nb,70.5,female\n/c/,3,?\n,1,M\n", "f")
    assert people == {"a": Person(), "b": Person(70.5, "F"), "c": Person(3.0, None)}


def test_a_table_of_a_spreadsheet_program_with_a_byte_order_mark_is_read() -> None:
    data = "\ufeffpath,age_years,sex,note\na,1,m,x\n".encode()
    assert read_demographics(data, "f") == {"a": Person(1.0, "M")}


def test_semicolons_and_decimal_commas_of_a_european_spreadsheet_are_read() -> None:
    data = b"path;age_years;sex\na,b;63,5;w\n"
    assert read_demographics(data, "f") == {"a,b": Person(63.5, "F")}


def test_a_path_that_stands_twice_is_harmless_if_it_says_the_same() -> None:
    data = b"path,age_years,sex,note\na,63,F,x\n/a/,063Y,female,y\n"
    assert read_demographics(data, "f") == {"a": Person(63.0, "F")}


def test_the_patient_the_study_and_the_day_may_stand_there_too() -> None:
    data = (
        b"path,age_years,sex,patient,study,scan_date\n"
        b"a,63,F,007,S1,2020-01-31\nb,,,007,S2,20200202\nc,,,unknown,,\n"
    )
    assert read_demographics(data, "f") == {
        "a": Person(63.0, "F", "007", "S1", date(2020, 1, 31)),
        "b": Person(None, None, "007", "S2", date(2020, 2, 2)),
        "c": Person(),
    }


def test_who_and_when_are_not_shown() -> None:
    shown = repr(Person(63.0, "F", "007", "S1", date(2020, 1, 31)))
    assert not any(secret in shown for secret in ("007", "S1", "2020"))


@pytest.mark.parametrize(
    "written",
    [" a/M\u00fcller.nii ", "./a/M\u00fcller.nii", "a\\M\u00fcller.nii", "/a//Mu\u0308ller.nii"],
)
def test_a_path_counts_however_its_accents_and_slashes_are_written(written: str) -> None:
    data = f"path,age_years,sex\n{written},63,F\n".encode()
    assert read_demographics(data, "f") == {place("a/Mu\u0308ller.nii"): Person(63.0, "F")}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_spreadsheet_programs_save_is_read(encoding: str, separator: str) -> None:
    lines = (
        (" Path", "AGE_YEARS", "Sex", "note"),
        ("a", "63.5", "M\u00e4nnlich", ""),
        ("", "", "", ""),
    )
    data = "\r\n".join(separator.join(line) for line in lines).encode(encoding)
    assert read_demographics(data, "f") == {"a": Person(63.5, "M")}


def test_a_line_may_end_early_or_in_a_separator() -> None:
    assert read_demographics(b"path,age_years,sex\na,63\nb,1,M,\n", "f") == {
        "a": Person(63.0),
        "b": Person(1.0, "M"),
    }


def test_lines_without_a_path_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    assert read_demographics(b"path,age_years,sex\n,1,M\n ,,F\n,,\n", "f") == {}
    assert caplog.messages == ["f: 2 lines without a path are left out."]


def test_a_table_without_lines_is_fine() -> None:
    assert read_demographics(b"path,age_years,sex\n", "f") == {}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"file,age\na,1\n", "has no column path, age_years, sex"),
        (b"path,age_years,sex\na,old,M\n", r"f: age_years must .* not in line 2$"),
        (b"path,age_years,sex\na,1,M\nb,999,M\n", r"f: age_years must .* line 3$"),
        (b"path,age_years,sex\na,1,foo\n", r"f: sex must .* not in line 2$"),
        (b"path,age_years,sex\na,1,H\nb,2,M\n", "sex M .* beside H .* has two meanings"),
        (
            b"path,age_years,sex\na,1,M\nb,2,F\na,,M\nb,2,F\n/c,1,O\nc,2,O\n",
            "f names 2 paths twice, and says different .*: lines 2 and 4, lines 6 and 7",
        ),
        (b"", "f is not a CSV file: its first line names no columns"),
        (b"erika/1,Erika,21.03.1947\n", r"^f has no column ((?!rika|1947|erika).)*$"),
        (b"path,age_years,sex,Erika,Erika\n", r"^f gives ((?!rika).)*$"),
        (
            b"Pfad;Alter;Geschlecht\na;1;w\n",
            r"must name path, age_years, sex, and names 3 columns \(not shown",
        ),
        (
            b"path,age_years,sex\nM\xfcller,1,M\n",
            r"f is not in UTF-8 \(line 2\); save it as CSV UTF-8",
        ),
        (b"path,age_years,sex\nx,a,1,M\n", "f has more cells than columns in line 2$"),
        (b"path,sex,age_years,sex\n", "f gives the name of an earlier column again to column 4$"),
        (b"path,age_years,sex,scan_date\na,,,31.12.2020\n", "f: scan_date must be .* in line 2$"),
        (b"path,age_years,sex,scan_date\na,,,20201301\n", "f: scan_date must be .* in line 2$"),
        (b"path,age_years,sex\na,1947-03-21,M\n", "f: age_years must .* in line 2$"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_line(data: bytes, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        read_demographics(data, "f")
