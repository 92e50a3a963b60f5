"""An answer as a table to read, CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.shared.staging import writing_to
from segment_actor.errors import SetupError

if TYPE_CHECKING:
    import pandas as pd  # a question does not wait for it


def write_answer(answer: pa.Table, form: str, out: Path | None) -> None:
    """Writes an answer to a file, or to stdout if there is none.

    Args:
        answer: rows and columns.
        form: one of `FORMS`.
        out: the file; its folder must exist.

    Raises:
        SetupError: the file cannot be written, or Parquet would go to a terminal.
    """
    if form == "parquet" and out is None and sys.stdout.isatty():
        raise SetupError("Parquet is not text: give --out FILE, or send the output to a file")
    content = FORMS[form](answer)
    if out is None:
        click.echo(content, nl=False)
        return
    with writing_to(out):
        out.write_bytes(content)


def _as_table(answer: pa.Table) -> bytes:
    columns = [_aligned(name, answer[n]) for n, name in enumerate(answer.column_names)]
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    count = "1 row" if answer.num_rows == 1 else f"{answer.num_rows:,} rows"
    return "\n".join([*lines, f"({count})", ""]).encode()


def _aligned(name: str, column: pa.ChunkedArray) -> list[str]:
    """Header, rule and cells of one column, all of one width; numbers to the right."""
    kind = column.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    cells = [name, *map(_cell, column.to_pylist())]
    width = max(map(len, cells))
    cells = [cell.rjust(width) if is_number else cell.ljust(width) for cell in cells]
    return [cells[0], "-" * width, *cells[1:]]


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return " ".join(str(value).split())


def _as_csv(answer: pa.Table) -> bytes:
    return csv_bytes(answer.column_names, _rows(answer))


def frame_csv(frame: pd.DataFrame) -> bytes:
    """The columns of a data frame as a CSV file."""
    return _as_csv(pa.Table.from_pandas(frame, preserve_index=False))


def csv_bytes(names: Sequence[str], rows: Iterable[Iterable[object]]) -> bytes:
    """A CSV file: a comma between, UTF-8, not measured is an empty field.

    Excel would run a text that looks like a formula, and some texts come from the CTs' headers:
    such a text gets an apostrophe in front.

    Args:
        names: of the columns.
        rows: their values.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in (names, *rows):
        writer.writerow([_no_formula(value) for value in row])
    return text.getvalue().encode()


_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First signs of a formula (OWASP, CSV Injection), the last four as East Asian keyboards write
them."""


def _no_formula(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_SIGNS)
    return f"'{value}" if is_formula else value


def _as_json(answer: pa.Table) -> bytes:
    """A list of objects, one a row; not measured is null, and so is what is not a number."""
    names = answer.column_names
    objects = [dict(zip(names, map(_json_value, row), strict=True)) for row in _rows(answer)]
    return (json.dumps(objects, indent=1, ensure_ascii=False, default=str) + "\n").encode()


def _json_value(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_parquet(answer: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(answer, sink)
    return bytes(sink.getvalue())


def _rows(answer: pa.Table) -> Iterable[tuple[object, ...]]:
    return zip(*(column.to_pylist() for column in answer.columns), strict=True)


FORMS: Final[Mapping[str, Callable[[pa.Table], bytes]]] = {
    "table": _as_table,
    "csv": _as_csv,
    "json": _as_json,
    "parquet": _as_parquet,
}
"""Name of a format, and what makes it."""

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    default="table",
    show_default=True,
    help="How the answer is written; in CSV a text that Excel would run has ' in front.",
)
"""The option of every command that prints rows; its value goes to `write_answer`."""
