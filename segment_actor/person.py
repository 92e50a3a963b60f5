"""Ages, sexes and dates as hospitals write them: one rule for DICOM headers and tables of any kind.

A word counts if it stands on a list of this module. Nothing else is guessed from its first letter
or its value: a table is refused with the line, a header, which nobody can correct, says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, Literal, TypeVar

from segment_actor.errors import SetupError, first_few

Sex = Literal["M", "F", "O"]
"""Male, female, other: Patient's Sex of DICOM (PS3.3, C.7.1.1)."""

OLDEST_YEARS: Final = 123.0
"""An older age is a mistake, or a placeholder date of birth such as 1900-01-01.

The longest documented life, Jeanne Calment's, was 122 years and 164 days (Robine et al., Journals
of Gerontology A 74, S13, 2019); this is the next whole year.
"""

TOP_CODE_YEARS: Final = 90.0
"""Older people are so few that an age can name one: HIPAA's Safe Harbor wants all ages over 89 in
one category of 90 or older (45 CFR 164.514(b)(2)(i)(C))."""

DAYS_A_YEAR: Final = 365.25
UNITS_A_YEAR: Final = {"y": 1.0, "m": 12.0, "w": DAYS_A_YEAR / 7, "d": DAYS_A_YEAR}
"""Units of an age string (DICOM PS3.5, VR AS), such as 063Y or 010M."""

SEX_WORDS: Final[Mapping[Sex, Sequence[str]]] = {
    "M": (
        "m", "h", "masc", "male", "man", "männlich", "maennlich", "männl", "mann", "masculin",
        "homme", "masculino", "hombre", "varón", "varon", "maschio", "maschile", "uomo", "homem",
    ),
    "F": (
        "f", "w", "fem", "female", "woman", "weiblich", "weibl", "frau", "féminin", "feminin",
        "femme", "femenino", "mujer", "hembra", "femmina", "femminile", "donna", "feminino",
        "mulher",
    ),
    "O": (
        "o", "d", "x", "other", "diverse", "intersex", "non-binary", "divers", "andere", "autre",
        "otro", "altro", "outro",
    ),
}  # fmt: skip
"""English, German, French, Spanish, Italian, Portuguese; without regard to upper and lower case.

V is no word: it is Spanish varón and Dutch vrouw. Neither is a number: ISO/IEC 5218 has 1 for male
and 2 for female, others 0 and 1, and these in either order.
"""

UNKNOWN_WORDS: Final[Sequence[str]] = (
    "", "-", "--", "?", "u", "unk", "unknown", "not known", "unspecified", "missing", "masked",
    "unbekannt", "keine angabe", "k.a", "k. a", "inconnu", "inconnue", "desconocido", "desconocida",
    "sconosciuto", "sconosciuta", "desconhecido", "desconhecida",
    # What spreadsheets, databases and pandas write for a cell without a value.
    "n/a", "na", "n.a", "nan", "null", "none", "<na>", "#n/a", "#na", "#n/a n/a", "-nan", "1.#ind",
    "-1.#ind", "1.#qnan", "-1.#qnan",
)  # fmt: skip
"""Of an age, a sex or a date that is not known."""

PLACEHOLDER: Final = date(1900, 1, 1)
"""What programs write in place of a date that they took away."""

_SEX_OF: Final = {word: sex for sex, words in SEX_WORDS.items() for word in words}
_NUMBER: Final = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})([-.]?)(\d\d)\2(\d\d)", re.ASCII)
_AGE_STRING: Final = re.compile(r"(\d{1,3})([ymwd])", re.ASCII)

_M_MAY_BE_A_WOMAN: Final = ("h", "hombre", "varón", "varon", "mujer", "homem", "mulher")
_D_MAY_BE_A_WOMAN: Final = ("u", "uomo", "donna")

Value = TypeVar("Value")


def canonical_id(text: str) -> str:
    """An id in the one form by which two are compared; without line breaks.

    - Blanks around it and a NUL that fills it up mean nothing (DICOM PS3.5, 6.2, VR LO); of
      blanks within it the number means nothing.
    - An accent is one letter, which some systems write as two (Unicode's form NFC).
    - Capital and small letters are one: an id that was typed at a scanner is the one of the
      hospital's system. In capitals, as most are written, so that keys of earlier versions stay.

    Leading zeros and punctuation stay: 0012 and 12 are two patients where both are numbers.
    """
    one_blank = " ".join(text.replace("\0", " ").split())
    caseless = unicodedata.normalize("NFD", one_blank).casefold().upper()
    return unicodedata.normalize("NFC", caseless)


def sex_of(cell: object) -> Sex | None:
    """The sex that a cell names; None if it says that the sex is not known.

    Raises:
        ValueError: it says anything else.
    """
    word = _word(cell)
    if word in UNKNOWN_WORDS:
        return None
    if word not in _SEX_OF:
        raise ValueError("no sex")
    return _SEX_OF[word]


def age_of(cell: object) -> float | None:
    """The age in years that a cell names; None if it says that the age is not known.

    Args:
        cell: a number of years with a decimal point or comma, or an age string of DICOM.

    Raises:
        ValueError: it says anything else, or an age that nobody has reached.
    """
    word = _word(cell)
    if word in UNKNOWN_WORDS:
        return None
    if parts := _AGE_STRING.fullmatch(word):
        years = int(parts[1]) / UNITS_A_YEAR[parts[2]]
    elif _NUMBER.fullmatch(word):
        years = float(word.replace(",", "."))
    else:
        raise ValueError("no age")
    if not 0.0 <= years <= OLDEST_YEARS:
        raise ValueError("an age that nobody reached")
    return years


def top_coded(age_years: float | None) -> float | None:
    """An age, or `TOP_CODE_YEARS` for whoever is older: then it means 90 or more."""
    return None if age_years is None else min(age_years, TOP_CODE_YEARS)


def date_of(cell: object) -> date | None:
    """The date that a cell names; None if it says that the date is not known.

    Args:
        cell: YYYY-MM-DD (ISO 8601), YYYYMMDD (DICOM PS3.5, VR DA) or YYYY.MM.DD (its older form).

    Raises:
        ValueError: it says anything else, or names a day that is none or stands for no day.
    """
    word = _word(cell)
    if word in UNKNOWN_WORDS:
        return None
    parts = _DATE.fullmatch(word)
    if parts is None:
        raise ValueError("no date")
    named = date(int(parts[1]), int(parts[3]), int(parts[4]))
    if named == PLACEHOLDER:
        raise ValueError("a placeholder")
    return named


def sexes_of(cells: Sequence[object], name: str) -> list[Sex | None]:
    """The sexes of a column, line by line.

    Args:
        cells: below the header, so that the first stands in line 2.
        name: of the file, for messages.

    Raises:
        SetupError: a cell that `sex_of` does not know; its line is named and the cell is not. Or a
            letter that the rest of the column makes ambiguous: M beside H (mujer or masculino), D
            beside U (donna or divers).
    """
    rule = f"{name}: sex must be M, F or O, or a word for it"
    if any(_NUMBER.fullmatch(_word(cell)) for cell in cells):
        rule += " (a number means men here and women there: write M or F)"
    sexes = _column(cells, sex_of, rule)
    _refuse_two_meanings(cells, name)
    return sexes


def ages_of(cells: Iterable[object], name: str) -> list[float | None]:
    """The ages of a column in years, line by line; arguments as of `sexes_of`.

    Raises:
        SetupError: a cell that `age_of` does not know; its line is named and the age is not.
    """
    rule = f"{name}: age_years must be a number of years from 0 to {OLDEST_YEARS:.0f}"
    return _column(cells, age_of, rule)


def dates_of(cells: Iterable[object], column: str, name: str) -> list[date | None]:
    """The dates of a column, line by line; arguments as of `sexes_of`.

    Raises:
        SetupError: a cell that `date_of` does not know; its line is named and the date is not.
    """
    rule = f"{name}: {column} must be a date, YYYY-MM-DD or YYYYMMDD"
    return _column(cells, date_of, rule)


def _word(cell: object) -> str:
    """Composed, or the two ways to write an accent would be two words."""
    return unicodedata.normalize("NFC", str(cell)).strip().casefold().removesuffix(".")


def _column(cells: Iterable[object], read: Callable[[object], Value], rule: str) -> list[Value]:
    values, refused = [], []
    for line, cell in enumerate(cells, start=2):
        try:
            values.append(read(cell))
        except ValueError:
            # without the cell, which may be a date of birth or a name in the wrong column
            refused.append(f"line {line}")
    if refused:
        raise SetupError(f"{rule}; it is not in {first_few(refused)}")
    return values


def _refuse_two_meanings(cells: Sequence[object], name: str) -> None:
    lines: dict[str, int] = {}
    for line, cell in enumerate(cells, start=2):
        lines.setdefault(_word(cell), line)
    found: tuple[str, str] | None = None
    if "m" in lines:
        found = next((("m", word) for word in _M_MAY_BE_A_WOMAN if word in lines), None)
    # The German codes M, W, D, X, U have a D and a U that are no Italian ones.
    elif "d" in lines and not lines.keys() & {"f", "w"}:
        found = next((("d", word) for word in _D_MAY_BE_A_WOMAN if word in lines), None)
    if found:
        one, other = (f"{word.upper()} (line {lines[word]})" for word in found)
        raise SetupError(f"{name}: sex {one} beside {other} has two meanings; write M, F and O")
