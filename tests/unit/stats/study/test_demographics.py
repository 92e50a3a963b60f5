"""A demographics file is understood, or refused with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_actor.errors import SetupError
from stats.study.demographics import read_demographics


def _csv(folder: Path, text: str) -> Path:
    file = folder / "people.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_keys_are_text_and_empty_cells_are_not_known(tmp_path: Path) -> None:
    file = _csv(tmp_path, "\ufeffpatient_key,age_years,sex,smoker\n007,61.5,female,1\n8,,,0\n")
    people = read_demographics(file)
    assert people.key == "patient_key"
    assert people.people.to_pylist() == [
        {"patient_key": "007", "age_years": 61.5, "sex": "F", "smoker": 1},
        {"patient_key": "8", "age_years": None, "sex": None, "smoker": 0},
    ]


def test_other_columns_of_a_european_spreadsheet_are_numbers_too(tmp_path: Path) -> None:
    file = _csv(tmp_path, "patient_key;age_years;bmi;mg;ward\n007;61,5;24,3;0.5;a\n8;;;1.5;b\n")
    assert read_demographics(file).people.to_pylist() == [
        {"patient_key": "007", "age_years": 61.5, "bmi": 24.3, "mg": 0.5, "ward": "a"},
        {"patient_key": "8", "age_years": None, "bmi": None, "mg": 1.5, "ward": "b"},
    ]


def test_a_table_saved_as_unicode_text_is_read(tmp_path: Path) -> None:
    text = "patient_key\tage_years\tward\t\nM\u00fcller\t61,5\t1\t\n"
    (tmp_path / "people.csv").write_bytes(text.encode("utf-16"))
    (row,) = read_demographics(tmp_path / "people.csv").people.to_pylist()
    assert (row["patient_key"], row["age_years"], row["ward"]) == ("M\u00fcller", 61.5, 1)


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    table = pa.table({"series_key": ["a", "b"], "age_years": [61.5, None], "sex": ["m", None]})
    pq.write_table(table, tmp_path / "people.parquet")
    from_csv = read_demographics(_csv(tmp_path, "series_key,age_years,sex\na,61.5,M\nb,,\n"))
    assert read_demographics(tmp_path / "people.parquet").people == from_csv.people


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("patient,age_years\na,1\n", "no key column: it needs series_key or patient_key"),
        (
            "patient_key,age_years\na,1\nb,2\na,3\n",
            "a patient_key of an earlier line again in line 4$",
        ),
        ("1234;Erika\n", r"^people.csv has no key column((?!rika|1234).)*$"),
        ("patient_key,age_years\nErika,1\nErika,2\n", r"^people.csv has a patient((?!rika).)*$"),
        ("patient_key,age_years\na,1\n,2\n", "no patient_key in line 3"),
        ("patient_key,age_years\na,old\nb,2\n", r"must be a number .* line 2$"),
        ("patient_key,age_years\na,1\nb,-2\n", r"from 0 to 123; it is not in line 3$"),
        ("patient_key,age_years\na,124\n", r"from 0 to 123; it is not in line 2$"),
        ("patient_key,age_years\na,inf\n", r"from 0 to 123; it is not in line 2$"),
        ("patient_key,sex\na,foo\n", r"sex must be M, F or O, .* not in line 2$"),
        ("patient_key,sex\na,M\nb,H\n", "sex M .* beside H .* has two meanings"),
        ("", "people.csv is not a CSV file"),
        ("patient_key,age_years\na,1\nx,b,2\n", "more cells than columns in line 3$"),
        ("patient_key,bmi,bmi\na,1,2\n", "name of an earlier column again to column 3$"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_line(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(SetupError, match=sentence):
        read_demographics(_csv(tmp_path, text))


def test_a_file_that_is_not_there_or_no_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot read"):
        read_demographics(tmp_path / "nowhere.csv")
    _csv(tmp_path, "a,b\n").rename(tmp_path / "people.parquet")
    with pytest.raises(SetupError, match="not a Parquet file"):
        read_demographics(tmp_path / "people.parquet")
