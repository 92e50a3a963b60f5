"""The series of a PACS as objects of an archive."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from cluster.stores.contract import StoredObject
from cluster.stores.pacs.address import Filters
from cluster.stores.pacs.connection import Connection, Json
from cluster.stores.pacs.search import (
    MODALITY,
    N_IMAGES,
    PATIENT_ID,
    SERIES_UID,
    SOP_UID,
    STUDY_DATE,
    STUDY_UID,
    found,
    is_uid,
    text,
)  # fmt: skip

log = logging.getLogger(__name__)

BYTES_AN_IMAGE: Final = 512 * 512 * 2
"""The usual matrix; a PACS does not tell sizes."""

_MODALITIES: Final = "ModalitiesInStudy"

_OF_THE_STUDY: Final = (STUDY_UID, PATIENT_ID, STUDY_DATE)
"""What a server may leave out of a series that was found in its study."""


def listed_series(connection: Connection, filters: Filters) -> Iterator[StoredObject]:
    """The series that a search finds, each once.

    Servers differ in what they answer without a study: some search all series, some refuse, and
    some find none. The latter two are asked for studies, and then for the series of each.

    Raises:
        OSError: of the connection.
    """
    modality = dict(filters).get("Modality", "CT")
    wanted = tuple(one for one in filters if one[0] != "Modality")
    left_out = Counter[str]()
    for row in _rows(connection, wanted, modality):
        study, series = text(row, STUDY_UID), text(row, SERIES_UID)
        if text(row, MODALITY) not in ("", modality) and modality.isalpha():
            left_out["series of another modality than was asked for"] += 1
        elif not is_uid(study) or not is_uid(series):
            left_out["series without a UID, or with one that is none"] += 1
        elif _may_grow(row, filters):
            left_out["series of studies of today, which may not be whole yet"] += 1
        elif n_images := _n_images(connection, row, f"studies/{study}/series/{series}"):
            path = f"studies/{study}/series/{series}"
            stamp = (n_images, text(row, PATIENT_ID), text(row, STUDY_DATE))
            found = StoredObject.stamped(path, n_images * BYTES_AN_IMAGE, stamp)
            yield replace(found, is_zip=True)
        else:
            left_out["series without an image"] += 1
    for reason, count in sorted(left_out.items()):
        log.warning("%s: left out of the listing: %d %s", connection.address.shown, count, reason)


def _may_grow(row: Json, filters: Filters) -> bool:
    """Whether images may still be on their way: a CT is measured once, as it is then.

    Who ends StudyDate with today, or later, knows better.
    """
    today = f"{date.today():%Y%m%d}"
    last = dict(filters).get("StudyDate", "").rpartition("-")[2]
    return text(row, STUDY_DATE) >= today > last


def _rows(connection: Connection, filters: Filters, modality: str) -> Iterator[Json]:
    if dict(filters).get(_MODALITIES, modality) != modality:
        yield from _study_by_study(connection, filters, modality)
        return
    of_series = tuple(one for one in filters if one[0] != _MODALITIES)  # Modality says it
    rows = found(connection, "series", (("Modality", modality), *of_series), SERIES_UID)
    try:
        first = next(rows, None)
    except PermissionError:
        raise
    except OSError:  # as some say that they do not search like this
        first = None
    if first is None or not text(first, STUDY_UID):
        yield from _study_by_study(connection, filters, modality)
    else:
        yield first
        yield from rows


def _study_by_study(connection: Connection, filters: Filters, modality: str) -> Iterator[Json]:
    of_studies = {_MODALITIES: modality, **dict(filter(_is_of_studies, filters))}
    of_series = {"Modality": modality, **dict(filter(_is_of_series, filters))}
    for study in found(connection, "studies", tuple(of_studies.items()), STUDY_UID):
        uid = text(study, STUDY_UID)
        if is_uid(uid):
            known: Json = {tag: study[tag] for tag in _OF_THE_STUDY if tag in study}
            path = f"studies/{uid}/series"
            for row in found(connection, path, tuple(of_series.items()), SERIES_UID):
                yield {**known, **row}
        else:
            log.warning("%s: left out: a study without a UID", connection.address.shown)


def _is_of_studies(one: tuple[str, str]) -> bool:
    """Whether a filter chooses studies; all but keywords of DICOM are options of the server."""
    return one[0].startswith(("Study", _MODALITIES)) or not one[0][:1].isupper()


def _is_of_series(one: tuple[str, str]) -> bool:
    return not one[0].startswith(("Study", _MODALITIES))


def _n_images(connection: Connection, row: Json, path: str) -> int:
    """How many images a series has; a server that does not say it is asked for the images."""
    said = text(row, N_IMAGES)
    if said.isdecimal() and int(said):
        return int(said)
    return sum(1 for _ in found(connection, f"{path}/instances", (), SOP_UID))
