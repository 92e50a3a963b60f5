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
from jobs.archive.fetch import fetch
from jobs.segment_run.actors import Actors
from jobs.segment_run.attempts import begin
from jobs.segment_run.file_lists import files_of
from jobs.segment_run.guard import Row, guarded
from jobs.segment_run.outcome import Outcome, ScanNote, StageClock, grid_column
from segment_actor.grid.geometry import to_canonical
from segment_actor.layers import resample_whole
from segment_actor.models.grids import Grid
from segment_actor.models.way import Way
from segment_actor.person import top_coded
from segment_actor.reading.scan import Scan
from segment_actor.reading.series import read_series
from segment_actor.volume import Volume
from stats.tables.stages import Stage


def stand_in(n_grids: int) -> Row:
    """Voxels of a CT that could not be loaded: every block has the same columns."""
    names = ("hu", *map(grid_column, range(n_grids)))
    return {name: np.zeros((1, 1, 1), dtype=np.int16) for name in names}


COLUMNS = ("series_key", "patient_key", "kind", "number", "left_out", "elsewhere")
"""What a task is told of a series: nothing that names anybody."""

OTHER_IMAGES = ("left_out", "elsewhere")
"""Numbers of the images of a series that are not of this CT: its headers may count them."""

OpenArchive = Callable[[str], Archive]


@dataclass(frozen=True)
class LoadSettings:
    """What a load task needs to know.

    Attributes:
        archive: URI.
        grids: of the model set, those that cover the whole CT.
        way: of the model set, of which the resampling counts here.
        max_attempts: times a CT may end its worker.
        ages_above_90: whether ages above 90 go on as they are.
        open_archive: how to reach the archive.
    """

    archive: str
    grids: tuple[Grid, ...]
    way: Way
    max_attempts: int
    ages_above_90: bool = False
    open_archive: OpenArchive = open_store


def load(row: Row, settings: LoadSettings, actors: Actors) -> Row:
    """One CT from the archive to voxels.

    Args:
        row: of `COLUMNS`.
        settings: of the run.
        actors: of the run.

    Returns:
        outcome; hu (I, J, K) int16 on the original grid, which is measured; in `grid_column` of
        each grid (i, j, k) int16, which is segmented. All RAS, all stand-ins after a failure.
    """
    clock = StageClock(Stage.FETCH)
    outcome = Outcome(row["series_key"], number=int(row["number"]), patient_key=row["patient_key"])

    def work() -> Row:
        clock.attempts = begin(
            actors.attempts, Stage.READ, outcome.series_key, settings.max_attempts
        )
        with clock.timed(Stage.FETCH):
            archive = _archive(settings.open_archive, settings.archive)
            files = files_of(actors.file_lists, row["number"])
            blobs = fetch(archive, files)
        with clock.timed(Stage.READ):
            scan = read_series(
                row["kind"],
                blobs,
                [one.name for one in files],
                exact=settings.way.truncate,
                **{name: int(row[name]) for name in OTHER_IMAGES},
            )
            volume = to_canonical(scan.volume)
        with clock.timed(Stage.RESAMPLE):
            resampled = resample_whole(volume, settings.grids, settings.way)
        loaded = replace(
            outcome,
            scan=_note(scan, volume, ages_above_90=settings.ages_above_90),
            timings=clock.seconds,
        )
        columns = {grid_column(n): hu for n, hu in enumerate(resampled)}
        return {"outcome": loaded, "hu": volume.hu, **columns}

    return stand_in(len(settings.grids)) | guarded(work, outcome, clock)


def _note(scan: Scan, canonical: Volume, *, ages_above_90: bool = False) -> ScanNote:
    age_years = scan.facts.age_years
    return ScanNote(
        # the identifiers have become keys in the index; nothing behind this line needs them
        facts=replace(
            scan.facts,
            series_uid=None,
            patient_id=None,
            age_years=age_years if ages_above_90 else top_coded(age_years),
        ),
        orientation="".join(aff2axcodes(scan.volume.affine)),
        shape=canonical.shape,
        spacing_mm=canonical.spacing_mm,
        voxel_ml=canonical.voxel_ml,
        grid=scan.grid,
    )


@cache
def _archive(open_archive: OpenArchive, uri: str) -> Archive:
    """One connection a worker process, not one a CT."""
    return open_archive(uri)
