"""How far two label maps of one CT agree, structure by structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema, Structure
from segment_actor.volume import N_LABEL_VALUES, HuArray, LabelArray
from stats.agreement.overlap import Overlap, count_overlap


@dataclass(frozen=True, slots=True)
class StructureAgreement:
    """One structure in two label maps; differences are ours minus theirs.

    Attributes:
        structure: name in the schema.
        voxels: number of our voxels.
        voxels_differ: voxels that one of the two alone gives to the structure.
        dice: 0 to 1.
        volume_difference_ml: our volume minus theirs.
        volume_difference_percent: the same in percent of their volume; None where they have none.
        hu_difference: our mean attenuation minus theirs, HU; None where one of the two is empty.
    """

    structure: str
    voxels: int
    voxels_differ: int
    dice: float
    volume_difference_ml: float
    volume_difference_percent: float | None
    hu_difference: float | None


def equal_share(ours: LabelArray, theirs: LabelArray) -> float:
    """Share of voxels, 0 to 1, that have the same label."""
    return float(np.count_nonzero(ours == theirs) / ours.size)


def structure_agreement(
    hu: HuArray, ours: LabelArray, theirs: LabelArray, voxel_ml: float, schema: Schema
) -> list[StructureAgreement]:
    """Compares two label maps.

    Args:
        hu: (I, J, K) int16, the CT on the grid of both.
        ours: (I, J, K) uint8, ids of the schema.
        theirs: (I, J, K) uint8, ids of the same schema on the same grid.
        voxel_ml: volume of a voxel in ml.
        schema: names and ids of the structures.

    Returns:
        One entry a structure that is in either of them, in the schema's order.

    Raises:
        ValueError: the label maps differ in shape.
    """
    found = count_overlap(theirs, ours)
    hu_of_ours, hu_of_theirs = _hu_sums(hu, ours), _hu_sums(hu, theirs)
    return [
        _agreement(s, found, hu_of_ours[s.id], hu_of_theirs[s.id], voxel_ml)
        for s in schema.structures
        if found.predicted[s.id] or found.truth[s.id]
    ]


def _agreement(
    structure: Structure, found: Overlap, our_sum: float, their_sum: float, voxel_ml: float
) -> StructureAgreement:
    ours, theirs = int(found.predicted[structure.id]), int(found.truth[structure.id])
    both = int(found.both[structure.id])
    more = ours - theirs
    return StructureAgreement(
        structure=structure.name,
        voxels=ours,
        voxels_differ=ours + theirs - 2 * both,
        dice=2 * both / (ours + theirs),
        volume_difference_ml=more * voxel_ml,
        volume_difference_percent=100 * more / theirs if theirs else None,
        hu_difference=our_sum / ours - their_sum / theirs if ours and theirs else None,
    )


def _hu_sums(hu: HuArray, labels: LabelArray) -> npt.NDArray[np.float64]:
    """(256,) sum of HU over each label; exact, being sums of whole numbers below 2^53."""
    sums = np.zeros(N_LABEL_VALUES)
    for k in range(hu.shape[2]):
        plane, of_plane = hu[:, :, k].ravel(), labels[:, :, k].ravel()
        sums += np.bincount(of_plane, weights=plane, minlength=N_LABEL_VALUES)
    return sums
