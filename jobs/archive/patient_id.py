"""One patient, one text: how the ids of patients are compared, and which of them name nobody."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from segment_actor.person import UNKNOWN_WORDS

_SAY_NOBODY: Final = (
    # what programs that take names away write in their place
    "anon", "anonym", "anonyme", "anonymised", "anonymisiert", "anonymized", "anonymous",
    "anonymus", "anonimo", "anónimo", "anonymes", "anonymouspatient", "anonymizedpatient",
    "patientanonymous", "patientanonym", "deidentified", "deleted", "empty", "hidden",
    "pseudonym", "pseudonymized", "redacted", "removed", "withheld",
    # what a console asks for and somebody had to type
    "blank", "default", "dummy", "nil", "noid", "noidentifier", "noname", "nopatient",
    "nopatientid", "notapplicable", "notavailable", "notgiven", "notspecified", "undefined",
    "unidentified", "unknownpatient", "unnamed",
    # nameless and unknown in Chinese, Japanese and Russian
    "匿名", "不明", "未知", "аноним", "неизвестно",
    # the name of the field instead of its content
    "id", "mrn", "name", "patient", "patientid", "patid", "pid", "subject", "subjectid",
    # somebody who is not known yet: emergency departments
    "doe", "doejohn", "doejane", "emergency", "johndoe", "janedoe", "notfall", "trauma",
    # tests of a scanner
    "phantom", "qa", "qc", "service", "test", "testid", "testpatient", "patienttest",
)  # fmt: skip
"""Letters and digits of ids that are no patient's; many people have each of them."""

_FILLED: Final = re.compile(r"0+|X+|9{6,}")
"""A field filled with one character. A 9 alone or a 999 may be somebody's number."""

_NEITHER_LETTER_NOR_DIGIT: Final = re.compile(r"[\W_]+")


def canonical(text: str) -> str:
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


def is_nobodys(canonical_id: str) -> bool:
    """Whether an id names nobody: two of whom it is said are not one patient."""
    said = _NEITHER_LETTER_NOR_DIGIT.sub("", canonical_id)
    spellings = {canonical_id, canonical_id.removesuffix("."), said}
    return not said or bool(_FILLED.fullmatch(said)) or not _NOBODY.isdisjoint(spellings)


def _canonical(words: Iterable[str]) -> frozenset[str]:
    return frozenset(map(canonical, words))


_NOBODY: Final = _canonical((*UNKNOWN_WORDS, *_SAY_NOBODY))
