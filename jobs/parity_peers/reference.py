"""A label map that somebody else made: one file, or one file a structure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.shared.label_map import read_labels
from segment_actor.anatomy import Schema
from segment_actor.errors import SetupError
from segment_actor.grid.same_grid import check_same_grid
from segment_actor.reading.label_image import LabelImage
from segment_actor.volume import N_LABEL_VALUES, LabelArray, Volume

_SUFFIX = re.compile(r"\.nii(\.gz)?$")


@dataclass(frozen=True, slots=True)
class Reference:
    """A label map to compare with.

    Attributes:
        labels: (I, J, K) uint8, ids of the schema, on the CT's grid as it is stored.
        known: (256,) bool, ids that it could hold; what lies outside is not compared.
    """

    labels: LabelArray
    known: np.ndarray[tuple[int], np.dtype[np.bool_]]


def read_reference(path: Path, volume: Volume, schema: Schema) -> Reference:
    """Reads a label map of a CT.

    Args:
        path: a label map .nii or .nii.gz; a folder that holds one; or a folder of masks, one
            STRUCTURE.nii.gz each.
        volume: the CT as it was read.
        schema: of the ids; a table of names in the file's header goes before it.

    Raises:
        SetupError: it is of another grid, or holds structures that the schema does not have.
    """
    files = sorted(f for f in path.iterdir() if _SUFFIX.search(f.name)) if path.is_dir() else [path]
    if not files:
        raise SetupError(
            "the reference folder holds no .nii or .nii.gz file; name the one with the label map"
        )
    if len(files) == 1 and _SUFFIX.sub("", files[0].name) not in schema.ids:
        return _read_label_map(files[0], volume, schema)
    return _read_masks(files, volume, schema)


def _read_label_map(file: Path, volume: Volume, schema: Schema) -> Reference:
    image = _read(file, volume)
    names = image.names or {s.id: s.name for s in schema.structures}
    table, known = np.zeros(N_LABEL_VALUES, np.uint8), np.zeros(N_LABEL_VALUES, np.bool_)
    for value, name in names.items():
        table[value] = _id(name, schema)
        known[table[value]] = True
    nameless = set(np.unique(image.labels).tolist()) - set(names) - {0}
    if nameless:
        raise SetupError(
            f"the reference holds labels that {schema.name} does not have: "
            f"{', '.join(map(str, sorted(nameless)[:5]))}; take one of the same task"
        )
    return Reference(table[image.labels], known)


def _read_masks(files: list[Path], volume: Volume, schema: Schema) -> Reference:
    labels, known = np.zeros(volume.shape, np.uint8, order="F"), np.zeros(N_LABEL_VALUES, np.bool_)
    for file in files:
        structure_id = _id(_SUFFIX.sub("", file.name), schema)
        labels[_read(file, volume).labels != 0] = structure_id
        known[structure_id] = True
    return Reference(labels, known)


def _read(file: Path, volume: Volume) -> LabelImage:
    image = read_labels(file, "the reference")
    check_same_grid(
        image, volume, ("the reference", "the CT"), "take the one that was made of this CT"
    )
    return image


def _id(name: str, schema: Schema) -> int:
    if name not in schema.ids:
        raise SetupError(
            f"the reference has a structure '{name}', which schema {schema.name} does not know; "
            "take a reference of the same task as the model set"
        )
    return schema.ids[name]
