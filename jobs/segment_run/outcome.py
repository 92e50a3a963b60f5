"""What travels from stage to stage with a CT, and what comes back of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from segment_actor.errors import FailureCode
from segment_actor.grid.of_file import StoredGrid
from segment_actor.reading.scan import ScanFacts
from segment_actor.volume import Shape, SpacingMm
from stats.measure import StructureRow
from stats.tables.stages import Stage


def grid_column(number: int) -> str:
    """Column of a CT's row, on its way to a lane, with its voxels on a grid of the models.

    Args:
        number: of the grid, among those of the set that cover the whole CT.
    """
    return f"grid_{number}_hu"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a series has no measurements.

    Attributes:
        stage: at which it failed.
        code: kind of failure.
        sentence: for a person.
        attempts: times that stage was tried in this run; None if it never began.
    """

    stage: Stage
    code: FailureCode
    sentence: str
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class ScanNote:
    """What is known of a CT once it has been read.

    Attributes:
        facts: from its header, without identifiers.
        orientation: axes as stored, e.g. LPS.
        shape: (I, J, K) on the original grid, RAS.
        spacing_mm: along I, J, K, RAS.
        voxel_ml: volume of a voxel.
        grid: of the file, for label maps; nothing but geometry.
    """

    facts: ScanFacts
    orientation: str
    shape: Shape
    spacing_mm: SpacingMm
    voxel_ml: float
    grid: StoredGrid


@dataclass(frozen=True, slots=True)
class Outcome:
    """One CT on its way, and at its end: measured, failed, or a reason to stop the run.

    What is known of the patient is not part of its `repr`, which Ray Data writes into its logs.

    Attributes:
        series_key: pseudonym of the series.
        scan: what was read, None if that failed.
        structures: one row a structure; empty before the end and after a failure.
        timings: seconds by stage.
        failure: why it ended early.
        stop: why no series can be worked on any more (an archive that does not answer).
        number: of the series in its index.
        patient_key: pseudonym of the patient, if known.
        no_dicom: why there are no results in DICOM, where they were asked for and none can be made.
    """

    series_key: str
    scan: ScanNote | None = field(default=None, repr=False)
    structures: tuple[StructureRow, ...] = field(default=(), repr=False)
    timings: Mapping[Stage, float] = field(default_factory=dict, repr=False)
    failure: Failure | None = None
    stop: str | None = None
    number: int = 0
    patient_key: str | None = None
    no_dicom: str | None = None

    @property
    def ended(self) -> bool:
        """Whether later stages pass it through."""
        return self.failure is not None or self.stop is not None


@dataclass
class StageClock:
    """Knows which stage is at work and how long each took.

    Attributes:
        stage: at work now, or the one that failed.
        seconds: by stage.
        attempts: which try this is; None before it begins.
    """

    stage: Stage = Stage.FETCH
    seconds: dict[Stage, float] = field(default_factory=dict)
    attempts: int | None = None

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Everything inside is this stage."""
        self.stage = stage
        begun = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - begun
