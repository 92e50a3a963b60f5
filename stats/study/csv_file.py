"""A CSV file as a hospital writes it: with commas, or with the semicolons of European Excel."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pandas as pd

from segment_actor.errors import SetupError


def read_csv(data: bytes, name: str, as_text: Sequence[str] | None = None) -> pd.DataFrame:
    """Reads a CSV file in UTF-8, with or without a byte order mark.

    Args:
        data: the file.
        name: of it, for messages.
        as_text: columns of texts, missing where empty. The others are of the type that their cells
            have. None: every cell is the text that stands there, empty or not.

    Raises:
        SetupError: not a CSV file.
    """
    header = data.split(b"\n", 1)[0]
    separator = ";" if header.count(b";") > header.count(b",") else ","
    try:
        table = pd.read_csv(
            io.BytesIO(data),
            sep=separator,
            encoding="utf-8-sig",
            dtype=str if as_text is None else dict.fromkeys(as_text, str),
            keep_default_na=as_text is not None,
            low_memory=False,  # in pieces, a column may get a type for each piece
        )
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SetupError(f"{name} is not a CSV file: {str(error).strip()}") from error
    if separator == ";" and as_text is not None:
        _read_decimal_commas(table, [c for c in table.columns if c not in as_text])
    return table


def _read_decimal_commas(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Makes numbers of the columns in which every cell is one, such as 1,5."""
    for column in columns:
        cells = table[column]
        if pd.api.types.is_string_dtype(cells):
            numbers = pd.to_numeric(cells.str.replace(",", ".", regex=False), errors="coerce")
            if numbers.count() == cells.count():
                table[column] = numbers
