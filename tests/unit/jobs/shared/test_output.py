"""Answers as files that other programs open."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from jobs.shared.output import csv_bytes, frame_csv


def cell(value: object) -> str:
    text = csv_bytes(["column"], [[value]]).decode()
    return next(csv.DictReader(io.StringIO(text, newline="")))["column"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_text_that_excel_would_run_has_an_apostrophe_in_front(sign: str) -> None:
    assert cell(f'{sign}HYPERLINK("http://x")') == f'\'{sign}HYPERLINK("http://x")'


@pytest.mark.parametrize(
    ("value", "text"), [(-1.5, "-1.5"), (-3, "-3"), ("a=b", "a=b"), (None, "")]
)
def test_numbers_and_other_texts_stay_as_they_are(value: object, text: str) -> None:
    assert cell(value) == text


def test_the_names_of_columns_are_texts_too() -> None:
    assert csv_bytes(["=1+1"], []) == b"'=1+1\n"


def test_a_frame_is_written_by_the_same_rule() -> None:
    frame = pd.DataFrame({"file": ["@x", None], "dice": [0.1, float("nan")]})
    assert frame_csv(frame) == b"file,dice\n'@x,0.1\n,\n"
