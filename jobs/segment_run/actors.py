"""The small actors beside the driver that every stage may ask."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.archive.index import Index
from jobs.segment_run.attempts import Actor, start_attempts
from jobs.segment_run.file_lists import start_file_lists


@dataclass(frozen=True)
class Actors:
    """Handles of them.

    Attributes:
        attempts: the counter that ends poison CTs.
        file_lists: knows the files of each series.
    """

    attempts: Actor
    file_lists: Actor


def start_actors(index: Index, *, hides: bool) -> Actors:
    """Those of one run.

    Args:
        index: of the archive that it works on.
        hides: whether keyed UIDs are asked for.

    Raises:
        SetupError: as `start_file_lists`.
    """
    return Actors(start_attempts(), start_file_lists(index, hides=hides))
