"""Ages and sexes from a table beside the CTs, for files that do not carry them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pandas as pd

from segment_actor.errors import SetupError

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
    sex: str | None = None


def read_demographics(data: bytes, name: str) -> dict[str, Person]:
    """People by the path of their series, relative to the archive.

    Args:
        data: CSV with the columns path, age_years, sex; an empty cell is not known.
        name: of the file, for the messages.

    Raises:
        SetupError: not a table with these columns, or a cell that cannot be understood.
    """
    try:
        # As text: what a cell means is decided below, line by line.
        table = pd.read_csv(
            io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SetupError(f"{name} is not a CSV file: {str(error).strip()}.") from error
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise SetupError(
            f"{name} has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}."
        )
    return {
        row["path"].strip("/"): Person(_age(row["age_years"], f"{name} line {n}"), _sex(row["sex"]))
        for n, row in enumerate(table.to_dict("records"), start=2)
        if row["path"]
    }


def _age(cell: str | None, where: str) -> float | None:
    if not cell:
        return None
    try:
        age_years = float(cell)
    except ValueError as error:
        raise SetupError(f"{where}: age_years {cell!r} is not a number.") from error
    if not 0 <= age_years <= 130:
        raise SetupError(f"{where}: age_years {age_years} is not the age of a person.")
    return age_years


def _sex(cell: str | None) -> str | None:
    letter = (cell or "").strip()[:1].upper()
    return letter if letter in ("M", "F", "O") else None
