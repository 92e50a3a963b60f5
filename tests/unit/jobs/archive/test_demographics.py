"""Ages and sexes from a CSV."""

from __future__ import annotations

import pytest

from jobs.archive.demographics import Person, read_demographics
from segment_actor.errors import SetupError


def test_empty_and_strange_cells_are_not_known() -> None:
    people = read_demographics(b"path,age_years,sex\na,,\nb,70.5,female\n/c/,3,x\n,1,M\n", "f")
    assert people == {"a": Person(), "b": Person(70.5, "F"), "c": Person(3.0, None)}


def test_a_table_of_a_spreadsheet_program_with_a_byte_order_mark_is_read() -> None:
    data = "\ufeffpath,age_years,sex,note\na,1,m,x\n".encode()
    assert read_demographics(data, "f") == {"a": Person(1.0, "M")}


def test_a_table_without_lines_is_fine() -> None:
    assert read_demographics(b"path,age_years,sex\n", "f") == {}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"file,age\na,1\n", "has no column path, age_years, sex"),
        (b"path,age_years,sex\na,old,M\n", "f line 2: age_years 'old' is not a number"),
        (b"path,age_years,sex\na,1,M\nb,999,M\n", "f line 3: age_years 999.0 is not the age"),
        (b"\xff\xfe", "f is not a CSV file"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_line(data: bytes, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        read_demographics(data, "f")
