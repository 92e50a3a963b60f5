"""A JSON or TOML file that somebody else wrote, read field by field: each by its type and range.

Whoever reads a model folder, a model set or the lock of the weights asks a `Field` for what must be
there; what is missing, of another type or out of its range is a `FieldError`, which names the
field. So a file is either what the code expects, or is refused in a sentence.
"""

from __future__ import annotations

import difflib
import json
import reprlib
import tomllib
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LONGEST_TEXT: Final = 1000
"""Characters of a name, a path or a warning."""


class FieldError(ValueError):
    """A file, or a field of it, is not what it must be; says which, and what it must be."""


def read_json(path: Path) -> Field:
    """The object that a JSON file holds.

    Raises:
        FieldError: it is not JSON, or a key stands in it twice.
        OSError: it cannot be read.
    """
    try:
        return Field(path.name, json.loads(_text(path), object_pairs_hook=_each_key_once))
    except RecursionError as error:
        raise FieldError(f"{path.name} is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise FieldError(f"{path.name} is not JSON: {error}") from error


def read_toml(path: Path) -> Field:
    """The table that a TOML file holds.

    Raises:
        FieldError: it is not TOML.
        OSError: it cannot be read.
    """
    try:
        return Field(path.name, tomllib.loads(_text(path)))
    except RecursionError as error:
        raise FieldError(f"{path.name} is nested too deeply") from error
    except tomllib.TOMLDecodeError as error:
        raise FieldError(f"{path.name} is not a TOML file: {error}") from error


def shown(value: object) -> str:
    """A value as a message can say it: short, and without control characters."""
    return _SHORT.repr(value)


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = 60

    def repr_int(self, x: int, _level: int) -> str:
        """Python refuses to write out a number of thousands of digits, and nobody reads it."""
        return str(x) if x.bit_length() < 64 else f"a number of {x.bit_length()} bits"


_SHORT: Final = _Short()


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a file, of a type that is not known yet.

    Attributes:
        name: the way to it, such as 'plans.json > configurations > 3d_fullres > spacing > 0'.
        value: as the file has it.
    """

    name: str
    value: object

    def fields(self) -> dict[str, Field]:
        """Of an object: each of its keys to its value."""
        return {key: self._below(key, value) for key, value in self._object().items()}

    def __getitem__(self, key: str) -> Field:
        """Of an object: the value of a key that must be there."""
        content = self._object()
        if key not in content:
            raise FieldError(f"{self.name} has no '{key}'")
        return self._below(key, content[key])

    def get(self, key: str) -> Field | None:
        """Of an object: the value of a key; None if it is not there, or null."""
        value = self._object().get(key)
        return None if value is None else self._below(key, value)

    def only(self, known: Collection[str]) -> None:
        """Makes sure that an object has no other keys: one that is misspelt would do nothing."""
        for key in self._object():
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean '{near[0]}'" if near else f"known are {', '.join(known)}"
                raise FieldError(f"{self.name} has an unknown key {shown(key)} ({hint})")

    def items(self, least: int = 0, most: int = 1000) -> list[Field]:
        """Of a list: its values."""
        if not isinstance(self.value, list) or not least <= len(self.value) <= most:
            length = f"{least}" if least == most else f"{least} to {most:,}"
            raise self._is_not(f"a list of {length} values")
        return [self._below(str(n), value) for n, value in enumerate(self.value)]

    def text(self, *, empty: bool = False) -> str:
        """A text of one line, without control characters; not empty unless it may be."""
        value = self.value
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or _has_control(value):
            raise self._is_not("a text of one line")
        if not value.strip() and not empty:
            raise FieldError(f"{self.name} is empty")
        return value

    def one_of(self, known: Collection[str]) -> str:
        """A text of a list."""
        if not isinstance(self.value, str) or self.value not in known:
            raise self._is_not(f"one of {', '.join(known)}")
        return self.value

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self._is_not("true or false")
        return self.value

    def whole(self, least: int, most: int) -> int:
        """A whole number of a range."""
        value = self.value
        if type(value) not in (int, float) or not least <= value <= most or value % 1:  # type: ignore[operator]
            raise self._is_not(f"a whole number from {least:,} to {most:,}")
        return int(value)  # type: ignore[call-overload, no-any-return]

    def number(self, least: float, most: float) -> float:
        """A number of a range; never NaN."""
        value = self.value
        if type(value) not in (int, float) or not least <= value <= most:  # type: ignore[operator]
            raise self._is_not(f"a number from {least:g} to {most:g}")
        return float(value)  # type: ignore[arg-type]

    def _object(self) -> dict[str, object]:
        if not isinstance(self.value, dict):
            raise self._is_not("an object")
        return self.value

    def _below(self, key: str, value: object) -> Field:
        plain = key if key.isprintable() and len(key) < 60 else shown(key)
        return Field(f"{self.name} > {plain}", value)

    def _is_not(self, expected: str) -> FieldError:
        return FieldError(f"{self.name} must be {expected}, got {shown(self.value)}")


def _has_control(text: str) -> bool:
    """Whether it has what would end a line, a path or an encoding."""
    return any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FieldError(f"{path.name} is not UTF-8 text") from error


def _each_key_once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise FieldError(f"the key {shown(twice)} stands twice in one object")
    return content
