"""One patient, one text: how the ids of patients are compared, and which of them name nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from segment_actor.person import UNKNOWN_WORDS, canonical_id

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


def is_nobodys(text: str) -> bool:
    """Whether an id names nobody: two of whom it is said are not one patient."""
    said = _NEITHER_LETTER_NOR_DIGIT.sub("", text)
    spellings = {text, text.removesuffix("."), said}
    return not said or bool(_FILLED.fullmatch(said)) or not _NOBODY.isdisjoint(spellings)


def _forms(words: Iterable[str]) -> frozenset[str]:
    return frozenset(map(canonical_id, words))


_NOBODY: Final = _forms((*UNKNOWN_WORDS, *_SAY_NOBODY))
