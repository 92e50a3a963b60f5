"""Archives of damaged series beside a good one: indexed, and each series of the index read.

Whatever is damaged costs the good one nothing: it is found, with its keys, and every voxel is its.
Of the damaged ones nothing comes but series that are read, sentences, and no word of its header.
"""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from tests.fuzz.byte_damage import damaged as damaged_bytes
from tests.fuzz.case import LONGEST_SENTENCE, Arrays, Case
from tests.fuzz.dicom.damage import Files, damaged
from tests.fuzz.dicom.series import whole_series
from tests.support.ct_files import SERIES_UID
from tests.support.encodings import ENCODINGS
from tests.support.hospital.files import as_tar, as_zip, laid
from tests.support.hospital.images import Series, Visit, ct
from tests.support.hospital.reading import Measured, measured
from tests.support.indexing import KEYS
from tests.support.memory_archive import MemoryArchive

PLACE = "memory://archive"
PLANTED = ("secret-id", "Secret^Name", SERIES_UID)
"""Of the headers of the series that is damaged."""


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Eight damaged series, one of each encoding: in folders, some in containers.

    An index costs the same for one series and for eight.
    """
    while True:
        files: Files = {}
        names = []
        for place, encoding in enumerate(ENCODINGS):
            done, more = _damaged(rng, f"b{place}", whole_series(encoding, int(rng.integers(4))))
            files |= more
            names.append(f"{encoding} {done}")
        yield _case(", ".join(names), files)


def _damaged(rng: np.random.Generator, place: str, whole: Files) -> tuple[str, Files]:
    way = rng.random()
    if way < 0.1:
        ((name, data),) = _packed(rng, place, whole).items()
        done, data = damaged_bytes(rng, data)
        return f"container, {done}", {name: data}
    done, series = damaged(rng, whole)
    if way < 0.2:
        return f"{done} in a container", _packed(rng, place, series.files)
    return done, {f"{place}/{name}": file for name, file in series.files.items()}


def _packed(rng: np.random.Generator, place: str, files: Files) -> Files:
    kind = str(rng.choice(["zip", "tar", "tar.gz"]))
    if kind == "zip":
        return {f"{place}.zip": as_zip(files, int(rng.choice([0, 8, 12, 14])))}
    return {f"{place}.{kind}": as_tar(files, "w:gz" if kind == "tar.gz" else "w")}


def _case(name: str, files: Files) -> Case:
    return Case(name, files, lambda: _found(files), _good)


@cache
def _good_series() -> tuple[Series, Files]:
    series = ct(Visit(), "Good", slices=6)
    return series, laid("a", series.images)


def _good() -> Arrays:
    truth = _good_series()[0].truth
    return truth.hu, truth.affine


def _found(files: Files) -> Arrays:
    archive = MemoryArchive(PLACE, {PLACE: _good_series()[1] | files})
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    try:
        with tempfile.TemporaryDirectory() as index, warnings.catch_warnings():
            warnings.simplefilter("error")  # on a user's screen it would quote the header
            found = measured(archive, Path(index))
    finally:
        logging.getLogger().removeHandler(handler)
    good, *twice = [one for one in found if one.series_key == _key()]
    assert not twice
    for one in found:
        _check_sentence(one)
    assert not [word for word in PLANTED if word in said.getvalue()]
    assert good.scan is not None
    assert good.patient_key == KEYS.patient_key(Visit().patient)
    return good.scan.volume.hu, good.scan.volume.affine


@cache
def _key() -> str:
    return KEYS.series_key(Visit().uid("Good", "series"))


def _check_sentence(one: Measured) -> None:
    if one.scan is None:
        assert 10 < len(one.sentence) < LONGEST_SENTENCE
        assert one.sentence.isprintable()
        assert not [word for word in PLANTED if word in one.sentence]
