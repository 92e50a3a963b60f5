"""What quality control knows of a structure: numbers of one pass of measuring, and no voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from segment_actor.anatomy import Structure
from stats.label_map.locations import Location, Piece
from stats.quality.codes import Code

TOO_SMALL: Final = 0.5
"""Share of the schema's lower volume below which a structure is too small. Table S1 of the paper
cuts between small and failed, for statistics (status implausible), and a short woman's T8 may lie
just below. Half of it is no one's."""

REMNANT: Final = 0.1
"""Share of the schema's lower volume below which there are only a few stray voxels, which models
leave in CTs where the structure is not, or the first slice of it at the edge of the CT. As good as
absent, and not judged in any other way."""

STRAY_ML: Final = 1.0
"""The smallest cut-off of Table S1: nothing that has less of it is a structure of the schema, and a
tenth of 1 ml would be four voxels of a grid of 3 mm. Of the embedded models' labels on 40 phantoms
each (seeds 95000 to 95039), 54 and 88 whole ones lie below it and above a tenth of their own
cut-off: all have a Dice below 0.5. The smallest true structure of 200 phantoms has 5.2 ml."""


@dataclass(frozen=True, slots=True)
class ObservedStructure:
    """One structure that was looked for, and what was measured of it.

    Attributes:
        structure: its name, side and lower volume, from the schema.
        location: where it lies; None if absent. The numbers are 0 then.
        volume_ml: volume in the CT.
        hu_mean, hu_median, hu_p05, hu_min, hu_max: attenuation, HU; p05 is the 5th percentile.
    """

    structure: Structure
    location: Location | None
    volume_ml: float = 0.0
    hu_mean: float = 0.0
    hu_median: float = 0.0
    hu_p05: float = 0.0
    hu_min: int = 0
    hu_max: int = 0

    @property
    def name(self) -> str:
        """The structure's name in the schema."""
        return self.structure.name

    @property
    def main(self) -> Piece | None:
        """Its largest piece, None if absent."""
        return self.location.pieces[0] if self.location else None

    @property
    def place(self) -> Piece:
        """The largest piece of a structure that is there."""
        assert self.location is not None
        return self.location.pieces[0]

    @property
    def whole(self) -> bool:
        """Whether it is in the CT, and not cut by its border."""
        return self.location is not None and not self.location.touches_border

    @property
    def size_error(self) -> Code | None:
        """Whether there is too little of it to be judged in any other way."""
        lower_ml = self.structure.lower_volume_ml or STRAY_ML
        if self.volume_ml < max(STRAY_ML, REMNANT * lower_ml):
            return Code.REMNANT
        return Code.TOO_SMALL if self.whole and self.volume_ml < TOO_SMALL * lower_ml else None


Judged = Mapping[str, ObservedStructure]
"""By name: what is there, and enough of it to be judged."""


def whole_only(judged: Judged) -> Judged:
    """Those that the CT's border does not cut."""
    return {name: one for name, one in judged.items() if one.whole}
