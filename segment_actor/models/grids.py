"""The grids that models see a CT on."""

from __future__ import annotations

from dataclasses import dataclass

from segment_actor.volume import SpacingMm


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the CT: the box around structures that groups on grids before it have drawn.

    Attributes:
        structures: names in the schema.
        margin_mm: by which the box is larger on every side.
    """

    structures: tuple[str, ...]
    margin_mm: float

    def __post_init__(self) -> None:
        if not self.structures or self.margin_mm < 0:
            raise ValueError(f"a crop needs structures and a margin of 0 mm or more, got {self}")


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid that a CT is resampled to, once for all groups that work on it.

    Attributes:
        spacing_mm: along I, J, K (RAS).
        crop: the part of the CT that it covers; None is all of it.
    """

    spacing_mm: SpacingMm
    crop: Crop | None = None
