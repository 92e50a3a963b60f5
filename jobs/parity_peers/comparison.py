"""Two label maps of one CT on one grid, and the rows that `ctcohort parity` prints of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import pyarrow as pa

from segment_actor.anatomy import Schema
from segment_actor.volume import HuArray, LabelArray
from stats.agreement.two_label_maps import equal_share, structure_agreement

ALL = "all"
"""In the columns `group` and `structure`: of every group, of every voxel."""

COLUMNS = pa.schema(
    [
        ("against", pa.string()),
        ("resampling", pa.string()),
        ("group", pa.string()),
        ("structure", pa.string()),
        ("voxels", pa.int64()),
        ("voxels_differ", pa.int64()),
        ("equal_share", pa.float64()),
        ("dice", pa.float64()),
        ("volume_difference_ml", pa.float64()),
        ("volume_difference_percent", pa.float64()),
        ("hu_difference", pa.float64()),
    ]
)
"""One row a comparison (structure "all": every voxel of the grid), then one a structure of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two label maps on one grid.

    Attributes:
        against: whose the other is.
        group: of which class group.
        hu: (I, J, K) int16, the CT on their grid.
        voxel_ml: volume of a voxel.
        ours: (I, J, K) uint8, ids of the schema.
        theirs: (I, J, K) uint8, of the other.
        counts: whether the exit code depends on it.
    """

    against: str
    group: str
    hu: HuArray
    voxel_ml: float
    ours: LabelArray
    theirs: LabelArray
    counts: bool = True

    @property
    def share(self) -> float:
        """Of equal voxels, 0 to 1."""
        return equal_share(self.ours, self.theirs)

    def rows(self, schema: Schema, resampling: str) -> Iterator[dict[str, object]]:
        """As `COLUMNS`; differences are ours minus theirs."""
        said = {"against": self.against, "resampling": resampling, "group": self.group}
        size, share = self.ours.size, self.share
        differ = round(size * (1 - share))
        yield {
            **said,
            "structure": ALL,
            "voxels": size,
            "voxels_differ": differ,
            "equal_share": share,
        }
        if not self.counts:
            return
        for row in structure_agreement(self.hu, self.ours, self.theirs, self.voxel_ml, schema):
            yield {**said, **asdict(row)}

    def verdict(self, min_equal: float) -> str:
        """One sentence for the log."""
        enough = "enough" if self.share >= min_equal else f"below {100 * min_equal:g} %"
        return (
            f"{self.against}, {self.group}: {100 * self.share:.4f} % of the voxels are equal "
            f"({enough if self.counts else 'does not count'})"
        )
