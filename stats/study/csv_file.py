"""A CSV file as a hospital writes it: with commas, or with the semicolons of European Excel."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from typing import Final

import pandas as pd

from segment_actor.errors import SetupError, first_few

SEPARATORS: Final = (",", ";", "\t")
"""The one that the first line has most often; of two, the first of these."""


def read_csv(data: bytes, name: str, as_text: Sequence[str] | None = None) -> pd.DataFrame:
    """Reads a CSV file in UTF-8, or in UTF-16 with a byte order mark.

    Args:
        data: the file; its cells are separated by commas, semicolons or tabs, its columns are
            named in the first line.
        name: of it, for messages.
        as_text: columns of texts, missing where empty. The others are of the type that their cells
            have. None: every cell is the text that stands there, empty or not.

    Raises:
        SetupError: not a CSV file, a column twice, or a line with more cells than columns.
    """
    text = _decoded(data, name)
    header = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=header.count)
    columns, *lines = _cells(text, separator, name)
    if as_text is None:
        return pd.DataFrame(lines, columns=columns, dtype=str)
    clean = io.StringIO()
    csv.writer(clean).writerows([columns, *filter(any, lines)])
    clean.seek(0)
    try:
        # read in pieces, a column may get a type for each piece
        table = pd.read_csv(clean, dtype=dict.fromkeys(as_text, str), low_memory=False)
    except pd.errors.ParserError as error:
        raise SetupError(f"{name} is not a CSV file: {str(error).strip()}") from error
    if separator == ";":
        _read_decimal_commas(table, [c for c in table.columns if c not in as_text])
    return table


def not_shown(columns: int) -> str:
    """Words for the columns of a table in a message: where names are missing, a patient stands."""
    return f"{columns:,} columns (not shown: in a file without names they are a patient's)"


def _decoded(data: bytes, name: str) -> str:
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SetupError(
            f"{name} is not in UTF-8 (line {line}); save it as CSV UTF-8, or as Unicode text."
        ) from error


def _cells(text: str, separator: str, name: str) -> list[list[str]]:
    """The names of the columns, and as many cells in each line after it."""
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    lines, longer = [], []
    try:
        columns = [column.strip() for column in next(reader, [])]
        for line in reader:
            if any(map(str.strip, line[len(columns) :])):
                longer.append(f"line {reader.line_num}")
            lines.append((line + [""] * len(columns))[: len(columns)])
    except csv.Error as error:
        raise SetupError(f"{name} is not a CSV file: {error}") from error
    if not any(columns):
        raise SetupError(f"{name} is not a CSV file: its first line names no columns")
    if twice := [f"column {n}" for n, c in enumerate(columns, 1) if c and c in columns[: n - 1]]:
        raise SetupError(f"{name} gives the name of an earlier column again to {first_few(twice)}")
    if longer:
        raise SetupError(f"{name} has more cells than columns in {first_few(longer)}")
    return [columns, *lines]


def _read_decimal_commas(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Makes numbers of the columns in which every cell is one, such as 1,5."""
    for column in columns:
        cells = table[column]
        if pd.api.types.is_string_dtype(cells):
            numbers = pd.to_numeric(cells.str.replace(",", ".", regex=False), errors="coerce")
            if numbers.count() == cells.count():
                table[column] = numbers
