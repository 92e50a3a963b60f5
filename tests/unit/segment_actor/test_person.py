"""Ages and sexes count by a closed list of words, and nothing else is guessed."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas._libs.parsers import STR_NA_VALUES

from segment_actor.errors import SetupError
from segment_actor.person import (
    OLDEST_YEARS,
    PLACEHOLDER,
    SEX_WORDS,
    UNKNOWN_WORDS,
    age_of,
    ages_of,
    date_of,
    dates_of,
    sex_of,
    sexes_of,
    top_coded,
)

LANGUAGES = {
    "DICOM": {"M": "M", "F": "F", "O": "O"},
    "English": {"male": "M", "man": "M", "female": "F", "woman": "F", "other": "O"},
    "German": {"männlich": "M", "maennlich": "M", "weiblich": "F", "w": "F", "divers": "O"},
    "French": {"masculin": "M", "homme": "M", "féminin": "F", "femme": "F", "autre": "O"},
    "Spanish": {"hombre": "M", "varón": "M", "mujer": "F", "femenino": "F", "otro": "O"},
    "Italian": {"maschio": "M", "uomo": "M", "femmina": "F", "donna": "F", "altro": "O"},
    "Portuguese": {"masculino": "M", "homem": "M", "mulher": "F", "feminino": "F", "outro": "O"},
}
KNOWN = {word for words in SEX_WORDS.values() for word in words} | set(UNKNOWN_WORDS)


def _spelled(cell: str) -> str:
    return unicodedata.normalize("NFC", cell).strip().casefold().removesuffix(".")


@pytest.mark.parametrize(
    ("word", "sex"),
    [pair for words in LANGUAGES.values() for pair in words.items()],
)
def test_a_word_of_each_language_is_understood_however_it_is_spelled(word: str, sex: str) -> None:
    for cell in (word, word.upper(), f" {word.capitalize()}. ", unicodedata.normalize("NFD", word)):
        assert sex_of(cell) == sex


def test_mujer_is_a_woman() -> None:
    assert sex_of("Mujer") == "F"


def test_no_word_has_two_meanings() -> None:
    words = [*UNKNOWN_WORDS, *(word for words in SEX_WORDS.values() for word in words)]
    assert len(words) == len(set(words))
    assert all(word == _spelled(word) for word in words)


@given(st.text() | st.sampled_from(["foo", "mal", "Frauen", "m f", "1", "0", "2", "9", "V", "ḿ"]))
def test_no_word_outside_the_list_is_ever_a_sex(cell: str) -> None:
    if _spelled(cell) not in KNOWN:
        with pytest.raises(ValueError, match="no sex"):
            sex_of(cell)


@pytest.mark.parametrize(
    "cell", [*UNKNOWN_WORDS, *sorted(STR_NA_VALUES), "Missing", " ? ", ".", None]
)
def test_what_is_not_known_is_neither_an_age_nor_a_sex(cell: object) -> None:
    assert (age_of(cell), sex_of(cell)) == (None, None)


@given(st.floats(0.0, OLDEST_YEARS))
def test_an_age_is_read_as_it_was_written(age_years: float) -> None:
    assert age_of(age_years) == age_of(str(age_years)) == age_years
    assert age_of(str(age_years).replace(".", ",")) == age_years


@given(st.floats(0.0, OLDEST_YEARS))
def test_of_the_eldest_no_age_but_90_is_told(age_years: float) -> None:
    assert top_coded(age_years) == (age_years if age_years <= 90 else 90)


def test_an_age_that_is_not_known_is_not_90() -> None:
    assert top_coded(None) is None


@pytest.mark.parametrize(
    ("cell", "age_years"),
    [("063Y", 63.0), ("018m", 1.5), ("026W", 0.4983), ("000D", 0.0), ("63,5", 63.5), (".5", 0.5)],
)
def test_an_age_counts_in_its_unit(cell: str, age_years: float) -> None:
    assert age_of(cell) == pytest.approx(age_years, abs=1e-4)


@pytest.mark.parametrize(
    "cell", ["-1", "123.1", "999", "124Y", "inf", "1e999", "1_0", "63 years", "1.234,5", "٦٣", True]
)
def test_an_age_that_is_none_is_refused(cell: object) -> None:
    with pytest.raises(ValueError, match=r"no age|nobody reached"):
        age_of(cell)


@given(st.text())
def test_no_text_is_ever_an_age_outside_a_life(cell: str) -> None:
    try:
        age_years = age_of(cell)
    except ValueError:
        return
    assert age_years is None or 0.0 <= age_years <= OLDEST_YEARS


@given(st.dates().filter(lambda day: day != PLACEHOLDER), st.sampled_from(["-", "", "."]))
def test_a_date_is_read_as_iso_and_dicom_write_it(day: date, between: str) -> None:
    assert date_of(f" {day.isoformat().replace('-', between)} ") == day


@pytest.mark.parametrize(
    "cell",
    [
        "31.12.2020",
        "12/31/2020",
        "2020-1-31",
        "2020115",
        "20200230",
        "2020-0131",
        "19000101",
        "٢٠٢٠٠١٣١",
    ],
)
def test_a_date_of_another_kind_or_of_no_day_is_refused_and_not_shown(cell: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*(2020|1900))"):
        date_of(cell)
    with pytest.raises(SetupError, match=r"^f: day must be .* in line 2$"):
        dates_of([cell], "day", "f")


def test_a_cell_of_a_wrong_column_is_not_shown() -> None:
    with pytest.raises(SetupError, match=r"it is not in line 2, line 3$"):
        ages_of(["21.03.1947", "Erika"], "f")


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (["M", "H", "M"], r"f: sex M \(line 2\) beside H \(line 3\) has two meanings"),
        (["hombre", "f", "m"], r"sex M \(line 4\) beside HOMBRE \(line 2\)"),
        (["", "Mujer", "M."], r"sex M \(line 4\) beside MUJER \(line 3\)"),
        (["U", "D"], r"sex D \(line 3\) beside U \(line 2\)"),
        (["Donna", "D"], r"sex D \(line 3\) beside DONNA \(line 2\)"),
    ],
)
def test_h_beside_m_is_refused_and_so_is_d_beside_u(cells: list[str], sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        sexes_of(cells, "f")


def test_letters_with_one_meaning_stand_together() -> None:
    assert sexes_of(["H", "F", ""], "f") == ["M", "F", None]
    assert sexes_of(["M", "W", "D", "X", "U"], "f") == ["M", "F", "O", "O", None]


@pytest.mark.parametrize("codes", [["0", "1"], ["1", "2"], [1, 2, 9], [1.0, None]])
def test_numbers_are_no_sexes_and_the_sentence_says_what_to_write(codes: list[object]) -> None:
    with pytest.raises(SetupError, match=r"write M or F\); it is not in line 2"):
        sexes_of(codes, "f")


def test_the_first_wrong_lines_are_named_and_the_others_counted() -> None:
    with pytest.raises(SetupError, match=r"^f: sex .* in line 3, line 4, line 5 and 1 more$"):
        sexes_of(["M", "foo", "foo", "bar", "foo"], "f")
    with pytest.raises(SetupError, match=r"^f: age_years .* 123; it is not in line 3$"):
        ages_of(["63", "old"], "f")
