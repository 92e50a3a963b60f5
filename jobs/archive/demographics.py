"""Ages and sexes from a table beside the CTs, for files that do not carry them."""

from __future__ import annotations

from dataclasses import dataclass

from segment_actor.errors import SetupError, first_few
from segment_actor.person import Sex, ages_of, sexes_of
from stats.study.csv_file import read_csv

DEMOGRAPHICS = "demographics.csv"
"""Taken from the archive's root if it is there."""

COLUMNS = ("path", "age_years", "sex")


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of the patient.

    Attributes:
        age_years: at the scan.
        sex: M, F or O.
    """

    age_years: float | None = None
    sex: Sex | None = None


def read_demographics(data: bytes, name: str) -> dict[str, Person]:
    """People by the path of their series, relative to the archive.

    Args:
        data: CSV with the columns path, age_years, sex; `segment_actor.person` says which words
            count. A line without a path is left out.
        name: of the file, for the messages.

    Raises:
        SetupError: not a table with these columns, an age or a sex that is none, or a path with
            different ages or sexes.
    """
    table = read_csv(data, name)
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise SetupError(
            f"{name} has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}."
        )
    ages_years = ages_of(table["age_years"].tolist(), name)
    sexes = sexes_of(table["sex"].tolist(), name)
    people: dict[str, dict[Person, int]] = {}  # each different one, and its first line
    rows = zip(table["path"], ages_years, sexes, strict=True)
    for line, (path, age_years, sex) in enumerate(rows, start=2):
        if path:
            people.setdefault(path.strip("/"), {}).setdefault(Person(age_years, sex), line)
    if twice := [lines for lines in people.values() if len(lines) > 1]:
        where = first_few([f"lines {' and '.join(map(str, lines.values()))}" for lines in twice])
        raise SetupError(
            f"{name} names {len(twice):,} paths twice, with different ages or sexes: {where}"
        )
    return {path: next(iter(lines)) for path, lines in people.items()}
