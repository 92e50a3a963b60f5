"""Which CT series an archive holds: one manifest row each.

A series is a .nii or .nii.gz object, a .zip, or a "folder" of other objects that look like DICOM.
"""

from __future__ import annotations

import hashlib
import logging
import lzma
import struct
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from cluster.stores.contract import Archive, StoredObject
from cluster.stores.one_file import read_bytes
from jobs.archive.demographics import DEMOGRAPHICS, Person, place, read_demographics
from jobs.archive.keys import KeyMaker
from jobs.archive.manifest import Series
from segment_actor.errors import SeriesError, SetupError
from segment_actor.reading.dicom.header import quiet_pydicom
from segment_actor.reading.dicom.identity import Identity, identity_of
from segment_actor.reading.series import Kind
from segment_actor.reading.unzip import open_file

log = logging.getLogger(__name__)

NIFTI_SUFFIXES = (".nii", ".nii.gz")
DICOM_SUFFIXES = ("", ".dcm", ".ima")
UNFINISHED_SUFFIXES = (".crdownload", ".download", ".filepart", ".part", ".partial", ".tmp")

HEADER_THREADS = 16
"""Headers are fetched side by side: a small read from a bucket is waiting, not work."""


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """Objects that belong together, before anything is known of their content."""

    kind: Kind
    path: str
    objects: tuple[StoredObject, ...]


def group_objects(objects: Iterable[StoredObject]) -> list[FoundSeries]:
    """Sorts objects into series by name alone.

    Hidden files, DICOMDIR and files with another suffix (.csv, .json, ...) belong to none. A copy
    that was broken off (7.dcm.part) belongs to its images: they are no whole series without it.
    """
    found: list[FoundSeries] = []
    folders: dict[str, list[StoredObject]] = defaultdict(list)
    unfinished: list[StoredObject] = []
    for each in objects:
        name = PurePosixPath(each.path.lower())
        if _is_hidden(name) or name.name == "dicomdir":
            continue
        if name.name.endswith(NIFTI_SUFFIXES):
            found.append(FoundSeries("nifti", each.path, (each,)))
        elif name.suffix == ".zip":
            found.append(FoundSeries("zip", each.path, (each,)))
        elif name.suffix in DICOM_SUFFIXES or name.suffix[1:].isdigit():  # files named by a UID
            folders[_folder(each)].append(each)
        elif name.suffix in UNFINISHED_SUFFIXES:
            unfinished.append(each)
    for each in (each for each in unfinished if _folder(each) in folders):
        folders[_folder(each)].append(each)
    found += [FoundSeries("dicom", folder, tuple(files)) for folder, files in folders.items()]
    return sorted(found, key=lambda s: s.path)


def _is_hidden(name: PurePosixPath) -> bool:
    return any(part.startswith(".") for part in name.parts)


def _folder(of: StoredObject) -> str:
    return str(PurePosixPath(of.path).parent)


def index_archive(
    archive: Archive, keys: KeyMaker, demographics: str | None = None
) -> list[Series]:
    """All series of an archive, each once, sorted by path; what was left out is said in the log.

    Args:
        archive: where they lie; of whatever kind it is.
        keys: makes the pseudonyms.
        demographics: URI of a CSV; None takes demographics.csv of the archive if there is one.

    Raises:
        SetupError: the archive cannot be listed, no longer answers or holds no series; the
            demographics are no table.
    """
    objects = sorted(archive.list(), key=lambda each: each.path)
    found = group_objects(objects)
    if not found:
        raise SetupError(
            f"No CT series under {archive.uri}: neither .nii, .nii.gz, .zip nor DICOM files."
        )
    people = _people(archive, objects, demographics)
    with quiet_pydicom(), ThreadPoolExecutor(HEADER_THREADS) as threads:
        series = list(threads.map(lambda each: _series(each, archive, keys, people), found))
    unique = {s.series_key: s for s in reversed(series)}  # of two the first stays
    _report(series, unique.values(), people)
    return [s for s in series if unique[s.series_key] is s]


def _people(
    archive: Archive, objects: Sequence[StoredObject], demographics: str | None
) -> dict[str, Person]:
    if demographics is not None:
        return read_demographics(read_bytes(demographics), demographics)
    if any(o.path == DEMOGRAPHICS for o in objects):
        return read_demographics(archive.get(DEMOGRAPHICS), DEMOGRAPHICS)
    return {}


def _series(
    found: FoundSeries, archive: Archive, keys: KeyMaker, people: dict[str, Person]
) -> Series:
    identity = _identity(found, archive)
    person = people.get(place(found.path), Person())
    patient_id = person.patient_id or identity.patient_id
    study = person.study or identity.study_uid
    scan_date = person.scan_date or identity.scan_date
    content = "\n".join(f"{o.path} {o.version}" for o in found.objects)
    return Series(
        series_key=keys.series_key(identity.series_uid or found.path),
        patient_key=keys.patient_key(patient_id) if patient_id else None,
        kind=found.kind,
        path=found.path,
        files=tuple(o.path for o in found.objects),
        bytes=sum(o.size_bytes for o in found.objects),
        input_version=hashlib.sha256(content.encode()).hexdigest()[:16],
        archive=archive.uri,
        age_years=person.age_years,
        sex=person.sex,
        study_key=keys.study_key(study) if study else None,
        scan_day=keys.scan_day(scan_date, patient_id) if scan_date and patient_id else None,
    )


def _identity(found: FoundSeries, archive: Archive) -> Identity:
    """What the first file says; nothing if it says nothing that can be understood.

    A file that cannot be read here keeps its path as identity; what is wrong with it is found and
    said when the series is read.
    """
    if found.kind == "nifti":
        return Identity()
    try:
        with archive.open(found.objects[0].path) as stream:
            return identity_of(stream) if found.kind == "dicom" else _zip_identity(stream)
    except (SeriesError, *_NO_ZIP):
        return Identity()


# What zipfile raises on bytes that are something else; the last two are what the decoders of its
# members raise (bz2 an OSError), as the archive itself raises no OSError.
_NO_ZIP = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, LookupError, OverflowError,
    EOFError, OSError, struct.error, lzma.LZMAError, zlib.error,
)  # fmt: skip


def _zip_identity(stream: BinaryIO) -> Identity:
    with zipfile.ZipFile(stream) as zipped:
        names = sorted(n for n in zipped.namelist() if not n.endswith("/"))
        dicom = [n for n in names if PurePosixPath(n.lower()).suffix in DICOM_SUFFIXES]
        with open_file(zipped, zipped.getinfo((dicom or names)[0])) as member:
            return identity_of(member)


def _report(series: Sequence[Series], unique: Iterable[Series], people: dict[str, Person]) -> None:
    kept = list(unique)
    kinds = Counter(s.kind for s in kept)
    log.info("%d series: %s", len(kept), ", ".join(f"{n} {kind}" for kind, n in kinds.items()))
    if len(kept) < len(series):
        log.warning("%d left out: the same series is there twice.", len(series) - len(kept))
    if nameless := sum(s.kind != "nifti" and s.patient_key is None for s in kept):
        log.warning("%d DICOM series whose first file names no patient.", nameless)
    if people:
        matched = sum(place(s.path) in people for s in kept)
        log.info("demographics of %d series", matched)
        if matched < len(people):
            log.warning("%d lines of the demographics name no series.", len(people) - matched)
        if matched < len(kept):
            log.warning("%d series have no line in the demographics.", len(kept) - matched)
