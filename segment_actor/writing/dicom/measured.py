"""What a report needs to know of one structure: some columns of `structures`."""

from __future__ import annotations

from typing import Protocol


class Measured(Protocol):
    """A row of `structures` (`stats.measure.StructureRow` is one). None is not measured."""

    @property
    def structure(self) -> str:
        """Name in the schema."""

    @property
    def volume_ml(self) -> float | None:
        """None if it is absent."""

    @property
    def hu_mean(self) -> float | None:
        """HU."""

    @property
    def hu_std(self) -> float | None:
        """HU, population standard deviation."""

    @property
    def hu_median(self) -> float | None:
        """HU."""

    @property
    def status(self) -> str:
        """One of ok, absent, truncated, implausible."""

    @property
    def qc(self) -> str | None:
        """One of pass, warn, fail; None where nothing was judged."""
