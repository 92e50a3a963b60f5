"""Age, sex and whatever else is known of the patients, from a table that the user brings.

One row a scan (column `series_key`) or one a patient (column `patient_key`). Every column but the
key is optional: one that the file has replaces that of table scans, one it lacks is taken from
there. Whatever cannot be understood ends with a sentence; an empty cell is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segment_actor.errors import SetupError

KEYS: Final = ("series_key", "patient_key")
"""What a row may be about; with both columns it is about the scan."""

OLDEST_YEARS: Final = 120.0
"""Nobody whose age is documented has been much older."""

_SEXES: Final = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "O": "O", "OTHER": "O"}


@dataclass(frozen=True, slots=True)
class Demographics:
    """What the file says.

    Attributes:
        name: of the file, for messages.
        key: `series_key` or `patient_key`.
        people: one row a key; `age_years` (years) and `sex` (M, F, O) if the file has them.
    """

    name: str
    key: str
    people: pa.Table


def read_demographics(path: Path) -> Demographics:
    """Reads and checks a CSV or Parquet file.

    Raises:
        SetupError: no such file, neither CSV nor Parquet, no key column, a row without a key or a
            key twice, an age that is none, a sex other than M, F or O.
    """
    table, name = _read(path), path.name
    key = next((k for k in KEYS if k in table.columns), None)
    if key is None:
        raise SetupError(
            f"{name} has no key column: it needs {' or '.join(KEYS)}, and has "
            f"{', '.join(map(str, table.columns))}"
        )
    keys = table[key].astype("string").str.strip()
    if empty := _lines(keys.isna() | (keys == "")):
        raise SetupError(f"{name} has no {key} in {empty}")
    twice = keys[keys.duplicated()].unique()
    if len(twice):
        raise SetupError(f"{name} has the same {key} more than once: {_first(list(twice))}")
    columns = {key: keys}
    if "age_years" in table:
        columns["age_years"] = _ages(table["age_years"], name)
    if "sex" in table:
        columns["sex"] = _sexes(table["sex"], name)
    people = pa.Table.from_pandas(table.assign(**columns), preserve_index=False)
    return Demographics(name, key, people)


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path).to_pandas()
        # Keys and ages as text, or 007 would become 7 and an age of "old" a surprise.
        as_text = dict.fromkeys((*KEYS, "age_years", "sex"), str)
        return pd.read_csv(path, dtype=as_text, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SetupError(f"{path.name} is not a CSV file: {str(error).strip()}") from error
    except pa.ArrowInvalid as error:
        raise SetupError(f"{path.name} is not a Parquet file") from error
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror or error}") from error


def _ages(cells: pd.Series, name: str) -> pd.Series:
    ages_years = pd.to_numeric(cells, errors="coerce").astype("float64")
    said = cells.notna()
    if wrong := _lines(said & ages_years.isna(), cells):
        raise SetupError(f"{name}: age_years must be a number of years; it is not in {wrong}")
    if wrong := _lines(said & ~ages_years.between(0.0, OLDEST_YEARS), cells):
        raise SetupError(f"{name}: nobody is that old: {wrong}")
    return ages_years


def _sexes(cells: pd.Series, name: str) -> pd.Series:
    sexes = cells.astype("string").str.strip().str.upper().map(_SEXES)
    if wrong := _lines(cells.notna() & sexes.isna(), cells):
        raise SetupError(f"{name}: sex must be M, F or O; it is not in {wrong}")
    return sexes.astype("string")


def _lines(wrong: pd.Series, cells: pd.Series | None = None) -> str:
    """The first wrong lines, counted as a text editor does, with what they say; '' if none."""
    found = [int(n) for n in wrong.to_numpy(dtype=bool).nonzero()[0]]
    return _first(
        [f"line {n + 2}" + ("" if cells is None else f" ({cells.iloc[n]})") for n in found]
    )


def _first(items: Sequence[str]) -> str:
    more = f" and {len(items) - 3:,} more" if len(items) > 3 else ""
    return ", ".join(map(str, items[:3])) + more
