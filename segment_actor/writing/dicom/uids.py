"""UIDs that are the same at each run, so that a result that is sent again is the one that is there.

A UUID of version 5 (RFC 9562) below 2.25 (DICOM PS3.5, B.2): nobody has to own a root, and the
same words give the same UID everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

NAME = "ctcohort"


def derived_uid(*words: str) -> str:
    """A UID that says nothing of the words to whoever does not know them."""
    return f"2.25.{uuid5(NAMESPACE_OID, chr(0).join((NAME, *words))).int}"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a result was made of, how, and when.

    Attributes:
        volume: `Sources.volume`.
        pipeline_version: fingerprint of the method.
        software: version of ctcohort.
        written: stands in the result; two that differ in it differ in nothing else.
    """

    volume: str = field(repr=False)
    pipeline_version: str
    software: str
    written: datetime

    def uid(self, kind: str) -> str:
        """The UID of one thing in the results, such as "sr"."""
        return derived_uid(self.volume, self.pipeline_version, kind)
