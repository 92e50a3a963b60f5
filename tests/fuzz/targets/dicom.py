"""CTs as folders of DICOM files and as zips of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from segment_actor.reading.scan import Scan
from segment_actor.reading.series import read_series
from tests.fuzz.case import Arrays, Case
from tests.fuzz.dicom import reference
from tests.fuzz.dicom.damage import Damaged, Files, damaged
from tests.fuzz.dicom.series import whole_series
from tests.fuzz.dicom.zip_damage import damaged_zip
from tests.support.encodings import ENCODINGS

DARKEST_HU, BRIGHTEST_HU = -1024, 30_710
"""Beyond lies padding: both readers' values are clipped below, and dark above."""

SAME_MM = 2e-3
"""The readers may differ by this in a direction or a step: ours makes the axes stand upright."""


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Series in every encoding, damaged; one in five in a zip, which is damaged instead."""
    while True:
        encoding = str(rng.choice(ENCODINGS))
        whole = whole_series(encoding, int(rng.integers(4)))
        if rng.random() < 0.2:
            done, data = damaged_zip(rng, whole)
            yield _zip_case(f"{encoding}, zip {done}", data, whole)
        else:
            done, series = damaged(rng, whole)
            yield _folder_case(f"{encoding}, {done}", series)


def _folder_case(name: str, series: Damaged) -> Case:
    files = series.files
    both = _Both()
    return Case(
        name,
        files,
        lambda: both.ours(read_series("dicom", list(files.values()), list(files))),
        lambda: both.theirs(files, lost=bool(series.emptied)),
    )


def _zip_case(name: str, data: bytes, whole: Files) -> Case:
    both = _Both()
    return Case(
        name,
        {"ct.zip": data},
        lambda: both.ours(read_series("zip", [data])),
        lambda: both.theirs(whole, lost=False),
    )


class _Both:
    """Two readings of one input, made comparable."""

    def ours(self, scan: Scan) -> Arrays:
        self._affine = scan.volume.affine
        return _values(scan.volume.hu), self._affine

    def theirs(self, files: Files, *, lost: bool) -> Arrays:
        if lost:  # nothing of it may be accepted
            return np.zeros(0), np.zeros(0)
        hu, affine = reference.read(files)
        near = np.allclose(affine, self._affine, rtol=0, atol=SAME_MM)
        return _values(hu), self._affine if near else affine


def _values(hu: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    measured = (hu > DARKEST_HU) & (hu <= BRIGHTEST_HU)
    return np.where(measured, hu, DARKEST_HU).astype(np.float64)
