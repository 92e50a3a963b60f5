"""Tables of patients: read as they were meant however they are written, else refused."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from jobs.archive.demographics import Person, place, read_demographics
from segment_actor.person import OLDEST_YEARS
from stats.study import demographics as of_study
from tests.fuzz.byte_damage import damaged
from tests.fuzz.case import Arrays, Case

SEXES = {
    "M": ("M", "male", " m.", "Hombre"),
    "F": ("F", "FEMALE", "Mujer", "weiblich"),
    None: ("",),
}
HOSTILE = (
    "", " ", "\n", '"', ";", ",", "\t", "\0", "\ufeff", "'", "nan", "M", "old", "1e9", "-0",
    "\u0663", "0x1", "1947-03-21", "99999999", "x" * 200_000, "=1+1", "\r", "\u2028",
    "M\u00fcller", "1_0",
)  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Tables written as spreadsheet programs write them; whole, with hostile cells, damaged."""
    while True:
        people = _people(rng)
        lines = _lines(rng, people)
        yield _case("whole", _file(rng, lines), people)
        for _ in range(rng.integers(1, 4)):
            line, column = rng.integers(len(lines)), rng.integers(6)
            lines[line][column] = HOSTILE[rng.integers(len(HOSTILE))]
        yield _case("hostile cells", _file(rng, lines))
        done, data = damaged(rng, _file(rng, lines))
        yield _case(done, data)
        yield Case(f"study, {done}", {"people.csv": data}, lambda data=data: _of_study(data))  # type: ignore[misc]


def _case(name: str, data: bytes, people: dict[str, Person] | None = None) -> Case:
    def run() -> Arrays:
        return _said(read_demographics(data, "people.csv"))

    expected = None if people is None else lambda: _said(people)
    return Case(name, {"people.csv": data}, run, expected)


def _people(rng: np.random.Generator) -> dict[str, Person]:
    days = [date(2000, 1, 1) + timedelta(int(day)) for day in rng.integers(9000, size=8)]
    return {
        f"M\u00fcller {n}/ct, {n}.nii": Person(
            age_years=float(rng.integers(0, 240)) / 2,
            sex=("M", "F", None)[rng.integers(3)],
            patient_id=f"0{n // 2}",
            study=f"S;{n}",
            scan_date=day,
        )
        for n, day in enumerate(days[: rng.integers(9)])
    }


def _lines(rng: np.random.Generator, people: dict[str, Person]) -> list[list[str]]:
    lines = [["path", "age_years", "sex", "patient", "study", "scan_date"]]
    for path, person in people.items():
        words = SEXES[person.sex]
        age = f"{person.age_years:g}"
        day = "" if person.scan_date is None else person.scan_date.isoformat()
        lines.append(
            [
                (path, f"./{path}", f" /{path}", path.replace("/", "\\"))[rng.integers(4)],
                (age, age.replace(".", ","))[rng.integers(2)],
                words[rng.integers(len(words))],
                person.patient_id or "",
                person.study or "",
                (day, day.replace("-", ""))[rng.integers(2)],
            ]
        )
    return lines


def _file(rng: np.random.Generator, lines: list[list[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=",;\t"[rng.integers(3)],
        lineterminator=("\n", "\r\n")[rng.integers(2)],
        quoting=(csv.QUOTE_MINIMAL, csv.QUOTE_ALL)[rng.integers(2)],
    )
    writer.writerows(lines)
    return text.getvalue().encode(("utf-8", "utf-8-sig", "utf-16")[rng.integers(3)])


def _said(people: dict[str, Person]) -> Arrays:
    assert all(path and p.sex in {None, "M", "F", "O"} for path, p in people.items())
    assert all(p.age_years is None or 0 <= p.age_years <= OLDEST_YEARS for p in people.values())
    rows = [
        (place(path), p.age_years, p.sex, p.patient_id, p.study, p.scan_date)
        for path, p in people.items()
    ]
    return (np.frombuffer(repr(sorted(rows, key=repr)).encode(errors="replace"), np.uint8),)


def _of_study(data: bytes) -> Arrays:
    """The same bytes as the table of a study, whose key they call a path."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "people.csv"
        file.write_bytes(data.replace(b"path", b"series_key", 1))
        people = of_study.read_demographics(file).people
    ages = (
        [age for age in people["age_years"].to_pylist() if age is not None]
        if ("age_years" in people.column_names)
        else []
    )
    assert all(0 <= age <= OLDEST_YEARS for age in ages)
    return ()
