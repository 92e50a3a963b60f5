"""Ages and sexes from a CSV."""

from __future__ import annotations

import pytest

from jobs.archive.demographics import Person, read_demographics
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


def test_a_table_without_lines_is_fine() -> None:
    assert read_demographics(b"path,age_years,sex\n", "f") == {}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"file,age\na,1\n", "has no column path, age_years, sex"),
        (b"path,age_years,sex\na,old,M\n", r"f: age_years must .* not in line 2 \(old\)"),
        (b"path,age_years,sex\na,1,M\nb,999,M\n", r"f: age_years must .* line 3 \(999\)"),
        (b"path,age_years,sex\na,1,foo\n", r"f: sex must .* not in line 2 \(foo\)"),
        (b"path,age_years,sex\na,1,H\nb,2,M\n", "sex M .* beside H .* has two meanings"),
        (
            b"path,age_years,sex\na,1,M\nb,2,F\na,,M\nb,2,F\n/c,1,O\nc,2,O\n",
            "f names 2 paths twice, with different ages or sexes: lines 2 and 4, lines 6 and 7",
        ),
        (b"\xff\xfe", "f is not a CSV file"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_line(data: bytes, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        read_demographics(data, "f")
