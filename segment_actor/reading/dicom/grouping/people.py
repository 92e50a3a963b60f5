"""Whether headers name one person, and one scan of that person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from segment_actor.errors import FailureCode
from segment_actor.person import canonical_id
from segment_actor.reading.dicom.image import Image

Refusal = tuple[FailureCode, str]

BLANK: Final = {""}


def refusal_of(images: Sequence[Image]) -> Refusal | None:
    """Why images with one series UID are no series of one person.

    A blank study or frame of reference says nothing. A blank patient beside a named one does:
    nobody can tell whose these images are.
    """
    values: dict[str, set[str]] = {
        "patients": {canonical_id(one.patient_id) for one in images},
        "hospitals (issuers of patient ids)": {canonical_id(one.issuer) for one in images} - BLANK,
        "studies": {one.study_uid for one in images} - BLANK,
        "frames of reference": {one.frame_uid for one in images} - BLANK,
    }
    several = next((name for name, found in values.items() if len(found) > 1), None)
    if several is None:
        return None
    return (
        FailureCode.UID_REUSED,
        f"Images with one series number (UID) belong to {len(values[several])} {several}, so it "
        "cannot be told whose they are. Export the series again from where it came from.",
    )
