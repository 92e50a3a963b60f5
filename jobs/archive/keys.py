"""Pseudonymous keys: the tables hold these, the index alone says which CT is which."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from jobs.archive.patient_id import is_nobodys
from segment_actor.errors import SetupError
from segment_actor.person import canonical_id

log = logging.getLogger(__name__)

KEY_HEX = 32
"""128 bits: no collision to be feared among any number of CTs."""

VERSION_HEX = 16
"""64 bits: two versions of one file, and never those of others, are compared."""

MIN_SECRET_BYTES = 16
"""With a guessable secret anybody could try UIDs until a key matches."""

UUID_ROOT: Final = "2.25"
"""Of a UID that is made of a UUID, written as one whole number (DICOM PS3.5, B.2)."""

_UID: Final = re.compile(r"[ \0]*([0-9.]+)[ \0]*")

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

    @property
    def check(self) -> str:
        """The same for the same secret, of which it tells nothing."""
        return self._digest("check", "")[:VERSION_HEX]

    def series_key(self, series: str, part: str = "") -> str:
        """Key of a volume.

        Args:
            series: its SeriesInstanceUID, or its path where it has none.
            part: tells it apart from the other volumes of its series; "" if it is the only one.
        """
        return self._key("series", _plain(series) + (f"#{part}" if part else ""))

    def patient_key(self, patient_id: str, issuer: str = "") -> str | None:
        """Key of a patient; None if the id names nobody, as ANONYMOUS or 0000 do.

        Args:
            patient_id: Patient ID, or what a table calls the patient.
            issuer: Issuer of Patient ID: number 1 of two hospitals is two patients. One that says
                nothing (UNKNOWN) is none.
        """
        patient = _patient(patient_id, issuer)
        return None if patient is None else self._key("patient", patient)

    def study_key(self, study: str) -> str:
        """Key of a study: of its StudyInstanceUID, or of what a table calls it."""
        return self._key("study", _plain(study))

    def acquisition_key(self, study: str, acquisition: str) -> str:
        """Key of an acquisition of a study: its reconstructions have one.

        Args:
            study: as of `study_key`.
            acquisition: tells it apart from the others of the study.
        """
        return self._key("acquisition", f"{_plain(study)}\n{acquisition}")

    def scan_day(self, scan_date: date, patient_id: str, issuer: str = "") -> int | None:
        """Day of a scan, counted from a day that is secret and another one for each patient.

        Differences within one patient are exact days; nothing else can be read off it. A positive
        number of up to thirteen digits. None where `patient_key` is None.
        """
        patient = _patient(patient_id, issuer)
        if patient is None:
            return None
        return int(self._digest("day", patient), 16) % FIRST_DAYS + scan_date.toordinal()

    def input_version(self, content: str) -> str:
        """What changes when a file of a series changes.

        With the secret, as paths, sizes and times can be guessed, and a guess could be tested.

        Args:
            content: names and versions of its files.
        """
        return self._digest("input", content)[:VERSION_HEX]

    def uid(self, kind: str, uid: str) -> str:
        """A UID for de-identified DICOM in place of one that identifies: the same for the same one.

        Args:
            kind: what it identifies (study, series, instance, ...), so that one value in two places
                gets two.
            uid: the one to hide.

        Returns:
            2.25. and up to 39 digits: a UUID of version 4, whose 122 bits come from the secret.
        """
        hidden = uuid.UUID(hex=self._digest(f"uid-{kind}", _plain(uid))[:32], version=4)
        return f"{UUID_ROOT}.{hidden.int}"

    def _key(self, kind: str, identifier: str) -> str:
        return self._digest(kind, identifier)[:KEY_HEX]

    def _digest(self, kind: str, identifier: str) -> str:
        # a path may hold bytes that are no text, which Python keeps as surrogates
        said = f"{kind}:{identifier}".encode(errors="surrogatepass")
        return hmac.new(self.secret, said, hashlib.sha256).hexdigest()


def _plain(uid: str) -> str:
    """A UID without what fills it up to an even length: a NUL (PS3.5, 9.1), or by mistake a blank.

    A path that takes a UID's place stays as it is.
    """
    filled_up = _UID.fullmatch(uid)
    return filled_up[1] if filled_up else uid


def _patient(patient_id: str, issuer: str) -> str | None:
    """Who it is; None for nobody. Without an issuer the id alone, as in earlier versions."""
    patient, by = canonical_id(patient_id), canonical_id(issuer)
    if is_nobodys(patient):
        return None
    return patient if is_nobodys(by) else f"{patient}\n{by}"


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
