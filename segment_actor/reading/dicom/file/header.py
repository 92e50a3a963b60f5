"""Access to DICOM headers that never leaks pydicom's errors, warnings or values.

A value that is missing or malformed reads as None or (). Code that needs the value refuses the
series with a sentence; code that does not need it continues.
"""

from __future__ import annotations

import logging
import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ContextDecorator, ExitStack, contextmanager
from datetime import date
from threading import Lock

import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue

from segment_actor.person import date_of

PYDICOM_ERRORS = (
    AttributeError,  # a required element is missing
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,  # a name of a character set, or an item of a sequence, that is not there
    NotImplementedError,  # unknown value representation or transfer syntax
    OSError,  # an item of a sequence without a tag; the file itself is in memory
    OverflowError,
    RecursionError,  # sequences within sequences, some 100 deep
    TypeError,  # several values where one belongs
    ValueError,
    struct.error,
    zlib.error,  # deflated transfer syntax
)
"""What pydicom 3.0 raises for damaged files; found by cutting and altering 6,000 of them."""


@contextmanager
def _silenced() -> Iterator[None]:
    log = logging.getLogger("pydicom")
    was_disabled, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = was_disabled


class Silence(ContextDecorator):
    """Begins with the first thread that enters and ends with the last that leaves.

    What is silenced belongs to the process. Were it saved and restored by each thread, one would
    end the silence of another.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._end = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._end.enter_context(_silenced())
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._end.close()


_SILENCE = Silence()


def quiet_pydicom() -> Silence:
    """No warnings and no log lines about single values: they quote them, names included.

    For a block or a function. Any number of threads may be inside, each any number of times.
    """
    return _SILENCE


def text_values(header: pydicom.Dataset, keyword: str) -> tuple[str, ...]:
    """All values of an element, stripped; () if it is missing, empty or malformed."""
    try:
        with quiet_pydicom():
            value = header.get(keyword)
    except PYDICOM_ERRORS:
        return ()
    if value is None or isinstance(value, pydicom.Sequence):  # as text it quotes what is in it
        return ()
    values = value if isinstance(value, MultiValue) else [value]
    return tuple(text for one in values if (text := str(one).strip(" \0")))


def first_text(header: pydicom.Dataset, keyword: str) -> str | None:
    """The first value of an element."""
    return next(iter(text_values(header, keyword)), None)


def date_in(header: pydicom.Dataset, keyword: str) -> date | None:
    """A date of a header; None if it is missing, no day, or stands for no day."""
    try:
        return date_of(first_text(header, keyword) or "")
    except ValueError:
        return None


def number_values(header: pydicom.Dataset, keyword: str) -> tuple[float, ...]:
    """All values of a numeric element; () if it is missing, empty or malformed."""
    try:
        values = tuple(float(value) for value in text_values(header, keyword))
    except ValueError:
        return ()
    return values if all(map(math.isfinite, values)) else ()


def first_number(header: pydicom.Dataset, keyword: str) -> float | None:
    """The first value of a numeric element."""
    return next(iter(number_values(header, keyword)), None)
