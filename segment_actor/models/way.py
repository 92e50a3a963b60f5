"""Which way a CT goes from its voxels to labels, beside the weights: ours, or another tool's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from segment_actor.errors import SetupError

LEAST_STEP: Final = 0.1
"""A tenth of a patch: every voxel in 1,000 windows already, which take 125 times as long as 0.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Settings that decide labels; all of them are part of the pipeline version.

    Attributes:
        order: spline order of the resampling onto the models' grid: 0, 1 or 3.
        step: distance of windows as a fraction of the patch, `LEAST_STEP` to 1.
        truncate: cut HU off to whole numbers on the models' grid; else they are rounded.
        half_sums: add windows up in float16, as nnU-Net does; else in float32.
        name: of the tool whose way it is, of `WAYS`; "" is our own.
    """

    order: int = 3
    step: float = 0.5
    truncate: bool = False
    half_sums: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        if self.order not in (0, 1, 3):
            raise ValueError(f"order must be 0, 1 or 3, got {self.order}")
        if not LEAST_STEP <= self.step <= 1:
            raise ValueError(f"step must be from {LEAST_STEP} to 1, got {self.step}")

    @property
    def resampling(self) -> str:
        """How a CT gets onto the models' grid, as `scans.resampling` says it."""
        return self.name or f"order {self.order}"


OUR_WAY: Final = Way()

WAYS: Final[Mapping[str, Way]] = {
    way.name: way
    for way in (
        Way(order=1, step=0.8, truncate=True, half_sums=True, name="totalsegmentator-2.18"),
    )
}
"""The ways of other tools, by name.

TotalSegmentator 2.18 resamples linearly and cuts HU off to whole numbers (resampling.py), moves its
windows by 0.8 patches (nnunet.py), and has nnU-Net add them up in float16 (engine/torch/half_sums).
"""


def way_of(name: str) -> Way:
    """Another tool's way.

    Raises:
        SetupError: there is none of that name.
    """
    if name not in WAYS:
        raise SetupError(f"there is no compat '{name}'; name one of {', '.join(WAYS)}")
    return WAYS[name]
