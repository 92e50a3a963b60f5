"""Who and when, from a table beside the CTs, for files that do not carry it."""

from __future__ import annotations

import logging
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath

import pandas as pd

from segment_actor.errors import SetupError, first_few
from segment_actor.person import UNKNOWN_WORDS, Sex, ages_of, dates_of, sexes_of
from stats.study.csv_file import not_shown, read_csv

log = logging.getLogger(__name__)

DEMOGRAPHICS = "demographics.csv"
"""Taken from the archive's root if it is there."""

COLUMNS = ("path", "age_years", "sex")
OPTIONAL_COLUMNS = ("patient", "study", "scan_date")


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of the patient, and of the scan.

    Attributes:
        age_years: at the scan.
        sex: M, F or O.
        patient_id: whatever the table calls the patient; only ever the input of a keyed hash.
        study: whatever it calls the study; likewise.
        scan_date: likewise.
    """

    age_years: float | None = None
    sex: Sex | None = None
    patient_id: str | None = field(default=None, repr=False)
    study: str | None = field(default=None, repr=False)
    scan_date: date | None = field(default=None, repr=False)


def read_demographics(data: bytes, name: str) -> dict[str, Person]:
    """People by the `place` of their series.

    Args:
        data: CSV with the columns path, age_years, sex, and if it has them patient, study and
            scan_date; `segment_actor.person` says which words count. Lines without a path are
            counted in the log.
        name: of the file, for the messages.

    Raises:
        SetupError: not a table with these columns, an age, a sex or a date that is none, or a path
            about which two lines differ.
    """
    table = read_csv(data, name).rename(columns=str.casefold)
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise SetupError(
            f"{name} has no column {', '.join(missing)}; its first line must name "
            f"{', '.join(COLUMNS)}, and names {not_shown(len(table.columns))}."
        )
    people: dict[str, dict[Person, int]] = {}  # each different one, and its first line
    without_path = 0
    for line, (path, person) in enumerate(zip(table["path"], _people(table, name), strict=True), 2):
        if path.strip():
            people.setdefault(place(path), {}).setdefault(person, line)
        elif person != Person():
            without_path += 1
    if without_path:
        log.warning("%s: %d lines without a path are left out.", name, without_path)
    if twice := [lines for lines in people.values() if len(lines) > 1]:
        where = first_few([f"lines {' and '.join(map(str, lines.values()))}" for lines in twice])
        raise SetupError(
            f"{name} names {len(twice):,} paths twice, and says different things of each: {where}"
        )
    return {path: next(iter(lines)) for path, lines in people.items()}


def place(path: str) -> str:
    """A path of an archive in the one form by which a table and a listing are compared.

    Without blanks and slashes around it or a leading ./, with / for a backslash; an accent is one
    letter, which some systems write as two.
    """
    composed = unicodedata.normalize("NFC", path).strip().replace("\\", "/")
    return str(PurePosixPath(composed.strip("/")))


def _people(table: pd.DataFrame, name: str) -> list[Person]:
    """Line by line."""
    cells = {c: table[c] if c in table.columns else [""] * len(table) for c in OPTIONAL_COLUMNS}
    return [
        Person(*each)
        for each in zip(
            ages_of(table["age_years"].tolist(), name),
            sexes_of(table["sex"].tolist(), name),
            map(_text, cells["patient"]),
            map(_text, cells["study"]),
            dates_of(cells["scan_date"], "scan_date", name),
            strict=True,
        )
    ]


def _text(cell: str) -> str | None:
    return None if cell.strip().casefold() in UNKNOWN_WORDS else cell.strip()
