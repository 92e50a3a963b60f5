"""Images that are there more than once: of one SOP Instance UID, one is taken.

Archives hold copies under other names, in other folders or in other compression. They must be equal
in place and pixels: where they are not, nobody knows which is right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.pixels.decoding import decode_hu
from segment_actor.reading.dicom.series import SAME, Slice
from segment_actor.volume import HuArray

Key = tuple[str, int]
"""SOP Instance UID and number of the frame."""

Copies = Mapping[Key, Sequence[Slice]]
"""The copies of an image that were not taken; none for an unknown one."""


def take_one_of_copies(slices: Sequence[Slice]) -> tuple[list[Slice], Copies]:
    """The images, each once, and its further copies.

    Args:
        slices: images of one size and orientation.

    Raises:
        SeriesError: COPIES_DIFFER if copies lie at different places.
    """
    taken: dict[Key, Slice] = {}
    copies: dict[Key, list[Slice]] = defaultdict(list)
    for one in slices:
        first = taken.setdefault(key_of(one), one)
        if first is one:
            continue
        if not np.allclose(first.image.position_mm, one.image.position_mm, rtol=0, atol=SAME):
            raise _differ()
        copies[key_of(one)].append(one)
    return list(taken.values()), copies


def key_of(one: Slice) -> Key:
    """What copies of an image share."""
    return one.image.sop_uid, one.number


def check_copies(hu: HuArray, copies: Sequence[Slice], outside_hu: int) -> None:
    """Refuses copies of an image whose pixels differ from its own. SeriesError: COPIES_DIFFER.

    Args:
        hu: (rows, columns), of the image that was taken.
        copies: the others of its SOP Instance UID.
        outside_hu: its value outside the field of view.
    """
    if not all(
        np.array_equal(hu, decode_hu(one.with_pixels(), hu.shape, outside_hu)) for one in copies
    ):
        raise _differ()


def _differ() -> SeriesError:
    return SeriesError(
        FailureCode.COPIES_DIFFER,
        "An image is there twice, and the copies differ in place or pixels, so nobody can tell "
        "which is right. Export the series again from where it came from.",
    )
