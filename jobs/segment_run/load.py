"""The dataset stage: fetch, decode, check, canonical axes, the model's grid.

Imports no torch: each of its worker processes would pay seconds and 200 MB for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from nibabel.orientations import aff2axcodes

from cluster.stores.contract import Archive
from cluster.stores.opening import open_store
from jobs.segment_run.attempts import Actor, begin
from jobs.segment_run.guard import Row, guarded
from jobs.segment_run.outcome import Outcome, ScanNote, StageClock
from segment_actor.grid.geometry import to_canonical
from segment_actor.grid.resampling import to_model_grid
from segment_actor.reading.scan import Scan
from segment_actor.reading.series import read_series
from segment_actor.volume import SpacingMm, Volume

STAND_IN: Row = {name: np.zeros((1, 1, 1), dtype=np.int16) for name in ("hu", "model_hu")}
"""Voxels of a CT that could not be loaded: every block has the same columns."""


OpenArchive = Callable[[str], Archive]


@dataclass(frozen=True)
class LoadSettings:
    """What a load task needs to know.

    Attributes:
        archive: URI.
        model_spacing_mm: grid of the networks along I, J, K in RAS.
        order: of the resampling spline.
        max_attempts: times a CT may end its worker.
        open_archive: how to reach the archive.
        truncate: cut HU off to whole numbers on the model's grid, as TotalSegmentator does.
    """

    archive: str
    model_spacing_mm: SpacingMm
    order: int
    max_attempts: int
    open_archive: OpenArchive = open_store
    truncate: bool = False


def load(row: Row, settings: LoadSettings, attempts: Actor) -> Row:
    """One CT from the archive to voxels.

    Args:
        row: series_key, kind, files.
        settings: of the run.
        attempts: the counter that ends poison CTs.

    Returns:
        outcome; hu (I, J, K) int16 on the original grid, which is measured; model_hu (i, j, k)
        int16 on the model's grid, which is segmented. Both RAS, both stand-ins after a failure.
    """
    clock = StageClock("fetch")
    outcome = Outcome(row["series_key"])

    def work() -> Row:
        clock.attempts = begin(attempts, "read", outcome.series_key, settings.max_attempts)
        with clock.timed("fetch"):
            archive = _archive(settings.open_archive, settings.archive)
            blobs = [archive.get(path) for path in row["files"]]
        with clock.timed("read"):
            scan = read_series(row["kind"], blobs, exact=settings.truncate)
            volume = to_canonical(scan.volume)
        with clock.timed("resample"):
            model_hu = to_model_grid(
                volume, settings.model_spacing_mm, settings.order, truncate=settings.truncate
            )
        loaded = replace(outcome, scan=_note(scan, volume), timings=clock.seconds)
        return {"outcome": loaded, "hu": volume.hu, "model_hu": model_hu}

    return STAND_IN | guarded(work, outcome, clock)


def _note(scan: Scan, canonical: Volume) -> ScanNote:
    return ScanNote(
        # the identifiers have become keys in the manifest; nothing behind this line needs them
        facts=replace(scan.facts, series_uid=None, patient_id=None),
        orientation="".join(aff2axcodes(scan.volume.affine)),
        shape=canonical.shape,
        spacing_mm=canonical.spacing_mm,
        voxel_ml=canonical.voxel_ml,
        grid=scan.grid.without_texts(),
    )


@cache
def _archive(open_archive: OpenArchive, uri: str) -> Archive:
    """One connection a worker process, not one a CT."""
    return open_archive(uri)
