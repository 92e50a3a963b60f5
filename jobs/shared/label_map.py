"""A label map read from a NIfTI file: its labels, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segment_actor.anatomy import Schema, load_schema, schema_names
from segment_actor.errors import SeriesError, SetupError
from segment_actor.grid.geometry import to_canonical
from segment_actor.reading.label_image import LabelImage, read_label_image
from segment_actor.volume import Affine, LabelArray, Shape, SpacingMm, Volume

_SPACING_DIGITS = 5
"""Digits of a spacing in mm that are kept. 1.5 mm, stored as float32 and rotated, has to be 1.5
again: with 1.5000001 mm two voxels exceed a tolerance of 3 mm."""


@dataclass(frozen=True, slots=True)
class LabelMap:
    """A label map with its place.

    Attributes:
        labels: (I, J, K) uint8 ids of a schema, in the file's order of memory.
        affine: (4, 4) float64, voxel index to RAS millimetres.
    """

    labels: LabelArray
    affine: Affine

    @property
    def shape(self) -> Shape:
        """(I, J, K) voxels."""
        i, j, k = self.labels.shape
        return i, j, k

    @property
    def spacing_mm(self) -> SpacingMm:
        """Along I, J and K, without the rounding noise of the affine."""
        lengths_mm = np.linalg.norm(self.affine[:3, :3], axis=0)
        i, j, k = (round(float(mm), _SPACING_DIGITS) for mm in lengths_mm)
        return i, j, k

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in ml, by the affine as it stands in the file."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0


def read_label_map(file: Path, schema: Schema, *, in_ras: bool = False) -> LabelMap:
    """Reads a multilabel NIfTI file.

    Args:
        file: .nii or .nii.gz.
        schema: the schema whose ids it may hold.
        in_ras: bring the axes into RAS order; else they stay as the file has them.

    Raises:
        SetupError: it cannot be read, has values that the schema lacks, or names in its header that
            contradict the schema. Names the file.
    """
    image = read_labels(file, str(file))
    present = [int(label) for label in np.flatnonzero(np.bincount(image.labels.ravel(order="K")))]
    _check_names(image, present, schema, file)
    _check_labels(present, schema, file)
    labels, affine = image.labels, image.affine
    if in_ras:
        volume = to_canonical(Volume(labels.astype(np.int16), affine))
        labels, affine = volume.hu.astype(np.uint8), volume.affine
    return LabelMap(labels, affine)


def read_labels(file: Path, name: str) -> LabelImage:
    """Reads labels of whatever schema.

    Args:
        file: .nii or .nii.gz.
        name: what a sentence calls it.

    Raises:
        SetupError: it cannot be read, or is no label map.
    """
    try:
        return read_label_image(file.read_bytes())
    except SeriesError as error:
        raise SetupError(f"{name}: {error.sentence}") from error
    except SetupError as error:
        raise SetupError(f"{name} {error}") from error
    except OSError as error:
        raise SetupError(f"cannot read {file}: {error.strerror}") from error


def _check_names(image: LabelImage, present: Sequence[int], schema: Schema, file: Path) -> None:
    """The header's names, of those labels that occur, against the schema's."""
    said = {label: image.names[label] for label in present if label in image.names}
    wrong = [label for label, name in said.items() if not _agrees(schema, label, name)]
    if not wrong:
        return
    label = wrong[0]
    here = schema.by_id[label].name if label in schema.by_id else "no label"
    others = [load_schema(name) for name in schema_names()]
    fitting = [s.name for s in others if all(_agrees(s, *pair) for pair in said.items())]
    remedy = f"take --schema {fitting[0]}" if fitting else "it was made with another schema"
    raise SetupError(
        f"{file}: its header says that label {label} is {said[label]!r}, which in {schema.name} is "
        f"{here}; {remedy}"
    )


def _agrees(schema: Schema, label: int, name: str) -> bool:
    return label in schema.by_id and schema.by_id[label].name == name


def _check_labels(present: Sequence[int], schema: Schema, file: Path) -> None:
    unknown = sorted(set(present) - {0, *schema.by_id})
    if unknown:
        shown = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        raise SetupError(
            f"{file} has the values {shown}, which are no labels of {schema.name}: it was made "
            "with another schema, or is no label map"
        )
