"""A header, the archive's table and the study's say the same of the same cell.

A header's age counts in whole years alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pydicom
import pytest

from jobs.archive import demographics as of_archive
from segment_actor.errors import SetupError
from segment_actor.reading.dicom.facts.scan_facts import facts_of
from stats.study import demographics as of_study

Said = tuple[float | None, str | None]
Reader = Callable[[str, str, Path], Said]


def _from_header(age: str, sex: str, _: Path) -> Said:
    header = pydicom.Dataset()
    with pydicom.config.disable_value_validation():
        header.PatientAge, header.PatientSex = age, sex
    facts = facts_of([header])
    return facts.age_years, facts.sex


def _from_archive(age: str, sex: str, _: Path) -> Said:
    data = f'path,age_years,sex\na,"{age}","{sex}"\n'.encode()
    person = of_archive.read_demographics(data, "f")["a"]
    return person.age_years, person.sex


def _from_csv(age: str, sex: str, folder: Path) -> Said:
    file = folder / "people.csv"
    file.write_text(f'series_key,age_years,sex\na,"{age}","{sex}"\n', encoding="utf-8")
    return _first(file)


def _from_semicolons(age: str, sex: str, folder: Path) -> Said:
    file = folder / "people.csv"
    file.write_text(f"\ufeffseries_key;age_years;sex\r\na;{age};{sex}\r\n", encoding="utf-8")
    return _first(file)


def _from_parquet(age: str, sex: str, folder: Path) -> Said:
    table = pa.table({"series_key": ["a"], "age_years": [age], "sex": [sex]})
    pq.write_table(table, folder / "people.parquet")
    return _first(folder / "people.parquet")


def _first(file: Path) -> Said:
    row = of_study.read_demographics(file).people.to_pylist()[0]
    return row["age_years"], row["sex"]


TABLES = [_from_archive, _from_csv, _from_semicolons, _from_parquet]

UNDERSTOOD = [
    ("63", "M", 63.0, "M"),
    ("63.5", "female", 63.5, "F"),
    ("63,5", "Weiblich", 63.5, "F"),
    ("063Y", "Mujer", 63.0, "F"),
    ("018M", "H", 1.5, "M"),
    ("0", "divers", 0.0, "O"),
    ("", "", None, None),
    ("NA", "Missing", None, None),
    ("unknown", "N/A", None, None),
    ("n/a", "U", None, None),
]

REFUSED = [("old", "F"), ("-1", "F"), ("124", "F"), ("200Y", "F"), ("63", "foo"), ("63", "1")]


@pytest.mark.parametrize("reader", [_from_header, *TABLES])
@pytest.mark.parametrize(("age", "sex", "age_years", "read"), UNDERSTOOD)
def test_the_same_cells_are_the_same_person_to_every_reader(
    reader: Reader, age: str, sex: str, age_years: float | None, read: str | None, tmp_path: Path
) -> None:
    if reader is _from_header and age_years is not None:
        age_years = math.floor(age_years)
    assert reader(age, sex, tmp_path) == (age_years, read)


@pytest.mark.parametrize("reader", TABLES)
@pytest.mark.parametrize(("age", "sex"), REFUSED)
def test_what_no_reader_knows_is_refused_with_its_line_in_every_table(
    reader: Reader, age: str, sex: str, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=r"it is not in line 2$"):
        reader(age, sex, tmp_path)


@pytest.mark.parametrize(("age", "sex"), REFUSED)
def test_what_no_reader_knows_is_not_known_of_a_header(age: str, sex: str, tmp_path: Path) -> None:
    assert None in _from_header(age, sex, tmp_path)
