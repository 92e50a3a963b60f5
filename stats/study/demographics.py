"""Age, sex and whatever else is known of the patients, from a table that the user brings.

One row a scan (column `series_key`) or one a patient (column `patient_key`). Every column but the
key is optional: one that the file has replaces that of table scans, one it lacks is taken from
there. Whatever cannot be understood ends with a sentence; an empty cell is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segment_actor.errors import SetupError, first_few
from segment_actor.person import ages_of, sexes_of
from stats.study.csv_file import not_shown, read_csv

KEYS: Final = ("series_key", "patient_key")
"""What a row may be about; with both columns it is about the scan."""


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
            key twice, an age or a sex that `segment_actor.person` does not know.
    """
    table, name = _read(path), path.name
    key = next((k for k in KEYS if k in table.columns), None)
    if key is None:
        raise SetupError(
            f"{name} has no key column: it needs {' or '.join(KEYS)}, and names "
            f"{not_shown(len(table.columns))}"
        )
    keys = table[key].astype("string").str.strip()
    if empty := [f"line {n}" for n, key_ in enumerate(keys.fillna(""), start=2) if not key_]:
        raise SetupError(f"{name} has no {key} in {first_few(empty)}")
    if twice := [f"line {n}" for n, seen in enumerate(keys.duplicated(), start=2) if seen]:
        raise SetupError(f"{name} has a {key} of an earlier line again in {first_few(twice)}")
    columns = {key: keys}
    if "age_years" in table:
        ages_years = ages_of(table["age_years"].tolist(), name)
        columns["age_years"] = pd.Series(ages_years, table.index, "float64")
    if "sex" in table:
        sexes = sexes_of(table["sex"].tolist(), name)
        columns["sex"] = pd.Series(sexes, table.index, "string")
    people = pa.Table.from_pandas(table.assign(**columns), preserve_index=False)
    return Demographics(name, key, people)


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path).to_pandas()
        # Keys as text, or 007 would become 7.
        return read_csv(path.read_bytes(), path.name, (*KEYS, "age_years", "sex"))
    except pa.ArrowInvalid as error:
        raise SetupError(f"{path.name} is not a Parquet file") from error
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror or error}") from error
