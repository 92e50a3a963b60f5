"""From a draft to a series: its keys, its patient, and whether it is measured."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Final

from jobs.archive.demographics import Person, place
from jobs.archive.grouping.drafts import Draft
from jobs.archive.grouping.series import Series
from jobs.archive.keys import KeyMaker
from jobs.archive.looking.found import Found
from segment_actor.person import Sex, canonical_id, date_of
from segment_actor.reading.dicom.grouping.candidate import Candidate
from segment_actor.reading.dicom.grouping.selection import (
    acquisitions_of,
    one_per_acquisition,
)
from segment_actor.reading.dicom.image import Image
from segment_actor.reading.series import Kind

log = logging.getLogger(__name__)

NOBODY = Image()

PIXEL_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Named:
    """What is kept of a draft once its files are written: some hundred bytes and a candidate."""

    kind: Kind
    path: str = field(repr=False)
    series_key: str
    input_version: str
    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    study_uid: str = field(repr=False)
    scan_date: date | None = field(repr=False)
    candidate: Candidate | None
    bytes: int
    images: int
    left_out: int
    elsewhere: int
    series_number: float | None
    description: str = field(repr=False)


def named(draft: Draft, keys: KeyMaker) -> Named:
    """A draft with its key, and without its files."""
    image = draft.first or NOBODY
    content = "\n".join(f"{one.path} {one.member or ''} {one.version}" for one in draft.files)
    return Named(
        kind=draft.kind,
        path=draft.path,
        series_key=keys.series_key(image.series_uid or draft.path, draft.part),
        input_version=keys.input_version(content),
        patient_id=image.patient_id,
        issuer=image.issuer,
        study_uid=image.study_uid,
        scan_date=_date(image.scan_date),
        candidate=draft.candidate,
        bytes=sum(map(_bytes, draft.files)),
        images=len(draft.files),
        left_out=draft.left_out,
        elsewhere=draft.elsewhere,
        series_number=image.series_number,
        description=image.description,
    )


def _bytes(file: Found) -> int:
    """In memory; a PACS gives headers alone, and a compressed image unpacks."""
    image = file.image or NOBODY
    return max(file.size_bytes, PIXEL_BYTES * image.rows * image.columns * image.frames)


def _date(text: str) -> date | None:
    try:
        return date_of(text)
    except ValueError:
        return None


def series_of(
    names: Sequence[Named], archive_uri: str, keys: KeyMaker, people: Mapping[str, Person]
) -> list[Series]:
    """The series of an archive, numbered as they come.

    Args:
        names: of all its drafts: of one acquisition one reconstruction is measured.
        archive_uri: where they lie.
        keys: makes the pseudonyms.
        people: by the `place` of their series.
    """
    known = _people_by_path(names, people)
    found = enumerate(zip(names, _chosen(names), strict=True))
    return [
        Series(
            number=number,
            series_key=one.series_key,
            kind=one.kind,
            bytes=one.bytes,
            input_version=one.input_version,
            archive=archive_uri,
            why_not=why_not,
            left_out=one.left_out,
            elsewhere=one.elsewhere,
            images=one.images,
            path=one.path,
            series_number=one.series_number,
            description=one.description,
            **asdict(_whose(one, known.get(one.path, Person()), acquisition, keys)),
        )
        for number, (one, (why_not, acquisition)) in found
    ]


@dataclass(frozen=True, slots=True)
class _Whose:
    """The fields of a `Series` that say of whom it is, and of which visit."""

    patient_key: str | None
    study_key: str | None
    acquisition_key: str | None
    scan_day: int | None
    age_years: float | None
    sex: Sex | None


def _whose(one: Named, person: Person, acquisition: str | None, keys: KeyMaker) -> _Whose:
    """What the demographics say of the patient goes before the header."""
    patient_id, issuer = one.patient_id, one.issuer
    if person.patient_id and canonical_id(person.patient_id) != canonical_id(patient_id):
        patient_id, issuer = person.patient_id, ""  # a table has no issuers
    study = person.study or one.study_uid
    scan_date = person.scan_date or one.scan_date
    dated = scan_date if patient_id else None
    return _Whose(
        patient_key=keys.patient_key(patient_id, issuer) if patient_id else None,
        study_key=keys.study_key(study) if study else None,
        acquisition_key=keys.acquisition_key(study, acquisition) if study and acquisition else None,
        scan_day=keys.scan_day(dated, patient_id, issuer) if dated else None,
        age_years=person.age_years,
        sex=person.sex,
    )


def _chosen(names: Sequence[Named]) -> list[tuple[str | None, str | None]]:
    """Why each is not measured, and which acquisition it is of."""
    chosen: list[tuple[str | None, str | None]] = [(None, None)] * len(names)
    numbers = [number for number, one in enumerate(names) if one.candidate is not None]
    candidates = [one.candidate for one in names if one.candidate is not None]
    reasons, acquisitions = one_per_acquisition(candidates), acquisitions_of(candidates)
    for number, reason, acquisition in zip(numbers, reasons, acquisitions, strict=True):
        chosen[number] = (reason.value if reason else None, acquisition)
    return chosen


def _people_by_path(names: Sequence[Named], people: Mapping[str, Person]) -> dict[str, Person]:
    """The line of the table for each path that has one, and that one patient's series have."""
    if not people:
        return {}
    patients: dict[str, set[str]] = defaultdict(set)
    for one in names:
        patients[one.path].add(one.patient_id)
    known = {path: people[place(path)] for path in patients if place(path) in people}
    several = {path for path in known if len(patients[path]) > 1}
    lines = len(people) - len({place(path) for path in known})
    without = sum(one.path not in known for one in names)
    log.info("demographics of %d series", len(names) - without)
    if lines:
        log.warning("%d lines of the demographics name no series.", lines)
    if without:
        log.warning("%d series have no line in the demographics.", without)
    if several:
        log.warning(
            "%d lines of the demographics name a place of several patients; they are left out.",
            len(several),
        )
    return {path: person for path, person in known.items() if path not in several}
