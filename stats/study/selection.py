"""Who is in a study: whose scans, and a count of everybody who is not and why.

The flow is that of Figure 1a of the paper: series seen, less those that failed, less those of
unknown age or with an incomplete field of view, less further scans of the same patient. Of these
each structure takes the one that shows it best (stats.sql.who_counts, stats.study.exclusions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal
from uuid import uuid4

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segment_actor.errors import SetupError
from segment_actor.person import OLDEST_YEARS
from stats.study.candidates import (
    FlowStep,
    Selection,
    candidates_sql,
    column_of,
    flow_of,
    is_only,
    register_people,
    source_of,
)
from stats.study.demographics import Demographics

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

Stratum = Literal["all", "M", "F"]

QUARTILES: Final = 4

MIN_SCANS: Final = 8
"""Fewer scans are no cohort: two in each quartile of age."""

NOT_KNOWN: Final = "unknown"
"""A text that says no more than an empty cell."""


@dataclass(frozen=True)
class Cohort:
    """The scans of N patients, in a fixed order; M scans, as patients may have several.

    Attributes:
        age_years: (M,) years.
        sex: (M,) M, F, O or '' if not known.
        patient: (M,) number of the patient, 0 to N - 1.
        stands: (M,) whether it is the scan that stands for its patient where no structure is meant:
            the one that shows most structures. N of them.
        confounders: column to (M, k) numbers, NaN where not known.
        structures: names and Table S1's lower bounds in ml, NaN where it has none.
        flow: who was left out and why.
        unmatched: keys without a partner, by side: `scans` and `demographics`.
        scans_table: temporary table of the connection with a row a scan: its `number` in this
            order, its `series_key` and its `person`.
        candidates_table: temporary table of all scans measured by the method that counts, with
            `person`, the age and sex that count, and the `reason` to leave them out; NULL for those
            in the cohort.
    """

    age_years: Numbers
    sex: npt.NDArray[np.str_]
    patient: npt.NDArray[np.int64]
    stands: Flags
    confounders: dict[str, Numbers]
    structures: dict[str, float]
    flow: list[FlowStep]
    unmatched: dict[str, list[str]]
    scans_table: str
    candidates_table: str

    @property
    def patients(self) -> int:
        """N."""
        return int(self.stands.sum())

    def of(self, sex: Stratum) -> Flags:
        """(M,) which scans are of that sex."""
        everybody: Flags = np.ones(len(self.sex), dtype=bool)
        return everybody if sex == "all" else self.sex == sex

    @cached_property
    def age_bounds_years(self) -> Numbers:
        """(3,) ages between the quartiles of the patients."""
        return age_bounds(self.age_years[self.stands])

    @cached_property
    def quartile(self) -> npt.NDArray[np.intp]:
        """(M,) quartile of age, 0 to 3."""
        return quartile_of(self.age_years, self.age_bounds_years)


def age_bounds(age_years: Numbers) -> Numbers:
    """(3,) ages between the quartiles of a cohort."""
    return np.quantile(age_years, (0.25, 0.5, 0.75))


def quartile_of(age_years: Numbers, bounds_years: Numbers) -> npt.NDArray[np.intp]:
    """(N,) 0 to 3; a patient just at a bound belongs to the older quartile, as in the paper."""
    return np.searchsorted(bounds_years, age_years, side="right")


def select_cohort(
    database: duckdb.DuckDBPyConnection, demographics: Demographics | None, selection: Selection
) -> Cohort:
    """Chooses the scans; the cohort names the temporary tables in which the connection has them.

    Args:
        database: from `stats.query.connect`.
        demographics: the user's own; None takes age and sex from table scans.
        selection: who is to be studied.

    Raises:
        SetupError: no row of the demographics fits, or a named column or structure is unknown.
    """
    _check_structures(database, selection.complete)
    unmatched = register_people(database, demographics)
    sources = {"age_years": "age_years", "sex": "sex"} | {
        f"adjust_{n}": name for n, name in enumerate(selection.adjust)
    }
    columns = [f"{source_of(database, demographics, s)} AS {c}" for c, s in sources.items()]
    only = [
        is_only(source_of(database, demographics, one.column), n)
        for n, one in enumerate(selection.only)
    ]
    columns.append(f"NOT coalesce({' AND '.join(only) or 'true'}, false) AS other")
    parameters: dict[str, object] = {"oldest": OLDEST_YEARS, "sexes": list(selection.sexes)}
    parameters |= {f"only_{n}": list(one.values) for n, one in enumerate(selection.only)}
    if selection.complete:
        parameters["complete"] = list(selection.complete)
    tag = uuid4().hex  # so that a second cohort of the connection leaves the first as it is
    candidates, scans = f"candidates_{tag}", f"cohort_{tag}"
    found = candidates_sql(columns, demographics, selection)
    database.execute(f"CREATE TEMP TABLE {candidates} AS {found}", parameters)
    database.execute(
        f"""CREATE TEMP TABLE {scans} AS
            SELECT row_number() OVER (ORDER BY series_key) - 1 AS number,
                   dense_rank() OVER (ORDER BY person) - 1 AS patient, * EXCLUDE (reason)
            FROM {candidates} WHERE reason IS NULL OR reason = 'further'"""  # noqa: S608 - our own names
    )
    rows = database.table(scans).order("number").to_arrow_table()
    return Cohort(
        age_years=rows["age_years"].to_numpy().astype(np.float64),
        sex=np.array([s or "" for s in rows["sex"].to_pylist()], dtype=np.str_),
        patient=rows["patient"].to_numpy(),
        stands=rows["stands"].to_numpy(),
        confounders={
            name: _as_numbers(rows[f"adjust_{n}"], name) for n, name in enumerate(selection.adjust)
        },
        structures=_structures(database, rows["label_schema"].unique().to_pylist()),
        flow=flow_of(database, candidates),
        unmatched=unmatched,
        scans_table=scans,
        candidates_table=candidates,
    )


def _structures(
    database: duckdb.DuckDBPyConnection, label_schemas: Sequence[str | None]
) -> dict[str, float]:
    """Structures of the cohort's label schemas in the order of their ids."""
    rows = database.sql(
        """SELECT structure, max(lower_volume_ml) FROM anatomy
           WHERE list_contains($schemas, label_schema)
           GROUP BY structure ORDER BY min(id), structure""",
        params={"schemas": [name for name in label_schemas if name is not None]},
    ).fetchall()
    return {name: np.nan if bound is None else float(bound) for name, bound in rows}


def _check_structures(database: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    known = set(column_of(database, "SELECT DISTINCT structure FROM anatomy"))
    if unknown := [name for name in names if name not in known]:
        raise SetupError(f"there is no structure {', '.join(unknown)}; see view anatomy")


def _as_numbers(column: pa.ChunkedArray, name: str) -> Numbers:
    """(M, k): a number as it is, a text as one 0/1 column for each value but the most frequent.

    What is not known is NaN, and never a value of its own.

    Raises:
        SetupError: a text with more than 20 different values is a name, not a confounder.
    """
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        numbers: Numbers = column.cast(pa.float64()).to_numpy().reshape(-1, 1)
        return numbers
    texts = np.array(["" if t in (None, NOT_KNOWN) else str(t) for t in column.to_pylist()])
    values, counts = np.unique(texts[texts != ""], return_counts=True)
    if len(values) > 20:
        raise SetupError(f"column {name} has {len(values)} different texts: not a confounder")
    if not len(values):
        return np.full((len(texts), 1), np.nan)
    others = np.delete(values, counts.argmax()) if len(values) > 1 else values
    dummies: Numbers = (texts[:, None] == others[None, :]).astype(np.float64)
    dummies[texts == ""] = np.nan
    return dummies
