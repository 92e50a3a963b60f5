"""Pseudonymous keys: the tables hold these, the manifest alone says which CT is which."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from segment_actor.errors import SetupError

log = logging.getLogger(__name__)

KEY_HEX = 32
"""128 bits: no collision to be feared among any number of CTs."""

MIN_SECRET_BYTES = 16
"""With a guessable secret anybody could try UIDs until a key matches."""


FIRST_DAYS = 10**12
"""Secret days that a patient's count may begin with.

One number of `scan_day` then narrows down the date of its scan only if it lies within a lifetime of
either end: for less than one patient in ten million. Below 2^53, so exact in any reader.
"""


@dataclass(frozen=True)
class KeyMaker:
    """Turns identifiers into keys, and dates into counts of days, with the site's secret.

    HMAC-SHA256, so that a key says nothing without the secret, and the same series always gets
    the same key at one site.
    """

    secret: bytes

    def __repr__(self) -> str:
        return "KeyMaker(secret=hidden)"

    def series_key(self, identifier: str) -> str:
        """Key of a series: of its SeriesInstanceUID, or of its path where it has none."""
        return self._key("series", identifier)

    def patient_key(self, patient_id: str) -> str:
        """Key of a patient."""
        return self._key("patient", patient_id)

    def study_key(self, study_uid: str) -> str:
        """Key of a study: of its StudyInstanceUID, or of what a table calls it."""
        return self._key("study", study_uid)

    def scan_day(self, scan_date: date, patient_id: str) -> int:
        """Day of a scan, counted from a day that is secret and another one for each patient.

        Differences within one patient are exact days; nothing else can be read off it. A positive
        number of up to thirteen digits.
        """
        first_day = int(self._digest("day", patient_id), 16) % FIRST_DAYS
        return first_day + scan_date.toordinal()

    def _key(self, kind: str, identifier: str) -> str:
        return self._digest(kind, identifier)[:KEY_HEX]

    def _digest(self, kind: str, identifier: str) -> str:
        return hmac.new(self.secret, f"{kind}:{identifier}".encode(), hashlib.sha256).hexdigest()


def key_maker(text: str | None, file: Path) -> KeyMaker:
    """The site's key maker; on the first use of a site the secret is made.

    Args:
        text: the secret itself, if the environment holds it.
        file: the file that holds it otherwise; created readable by its owner alone.

    Raises:
        SetupError: the secret is too short, or the file can be neither read nor made.
    """
    secret = text.encode() if text else _from_file(file)
    if len(secret) < MIN_SECRET_BYTES:
        raise SetupError(
            f"The site secret has {len(secret)} characters; it needs {MIN_SECRET_BYTES} or more."
        )
    return KeyMaker(secret)


def _from_file(file: Path) -> bytes:
    try:
        if not file.exists():
            _create(file)
        return file.read_bytes().strip()
    except OSError as error:
        raise SetupError(
            f"Cannot read or make the site secret {file} ({error.strerror}). Set "
            "CTCOHORT_SITE_SECRET, or CTCOHORT_SITE_SECRET_FILE to a file that can be read."
        ) from error


def _create(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another run made it a moment ago: theirs is the site's secret
        return
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secrets.token_hex(32).encode())
    log.info(
        "Made this site's secret: %s. Keep it: with another secret every CT gets another key.", file
    )
