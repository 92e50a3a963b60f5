"""Rows of SQL as typed values, and the quantiles that a report shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import duckdb

Value = TypeVar("Value")


class Quantiles(NamedTuple):
    """The 5th, 25th, 50th, 75th and 95th percentile, in the unit of what is measured."""

    p05: float
    p25: float
    p50: float
    p75: float
    p95: float

    @classmethod
    def of(cls, column: Sequence[float] | None) -> Quantiles | None:
        """Of a column of SQL's quantile_cont or approx_quantile; None if nothing was measured."""
        return None if column is None else cls(*column)


PROBABILITIES: Final = [0.05, 0.25, 0.5, 0.75, 0.95]
"""Of `Quantiles`, as SQL takes them."""


def rows_as(
    kind: Callable[..., Value], database: duckdb.DuckDBPyConnection, sql: str
) -> tuple[Value, ...]:
    """A value for each row; the columns are named after its parameters."""
    return tuple(kind(**row) for row in database.sql(sql).to_arrow_table().to_pylist())
