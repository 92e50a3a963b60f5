"""Which label maps belong together, and reading them: files of one name in two or three folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segment_actor.anatomy import Schema
from segment_actor.errors import SeriesError, SetupError
from segment_actor.reading.nifti import read_nifti
from segment_actor.volume import Affine, LabelArray, SpacingMm, Volume

SUFFIXES = (".nii.gz", ".nii")

_SAME_PLACE_MM = 1e-2  # affines written by different programs differ by rounding
_SPACING_DIGITS = (
    5  # of mm: 1.5 stored as float32 and turned must stay 1.5, or 2 voxels exceed 3 mm
)


@dataclass(frozen=True, slots=True)
class LabelMap:
    """A label map with its place.

    Attributes:
        labels: (I, J, K) in the file's order of memory.
        affine: voxel index to RAS millimetres.
    """

    labels: LabelArray
    affine: Affine

    @property
    def spacing_mm(self) -> SpacingMm:
        """Along I, J and K, without the rounding noise of the affine."""
        lengths_mm = np.linalg.norm(self.affine[:3, :3], axis=0)
        i, j, k = (round(float(mm), _SPACING_DIGITS) for mm in lengths_mm)
        return i, j, k


@dataclass(frozen=True, slots=True)
class Cases:
    """Files that belong together.

    Attributes:
        names: base names that every folder has, in order.
        files: of each folder, base name to file.
        unmatched: of each folder, base names that another folder lacks.
    """

    names: tuple[str, ...]
    files: tuple[Mapping[str, Path], ...]
    unmatched: tuple[tuple[str, ...], ...]


def match_cases(*folders: Path) -> Cases:
    """Finds the cases of all folders by the names of their files, .nii or .nii.gz alike.

    Raises:
        SetupError: a folder has no label map, or two of one name, or no name is in all of them.
    """
    files = tuple(map(_label_maps_in, folders))
    common = set.intersection(*(set(f) for f in files))
    if not common:
        examples = " and ".join(
            f"{folder}/{min(f)}" for folder, f in zip(folders, files, strict=True)
        )
        raise SetupError(
            f"no file name is in all folders (there are, for example, {examples}); a prediction "
            "must be named like its truth"
        )
    unmatched = tuple(tuple(sorted(set(f) - common)) for f in files)
    return Cases(tuple(sorted(common)), files, unmatched)


def _label_maps_in(folder: Path) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        name = next((file.name.removesuffix(s) for s in SUFFIXES if file.name.endswith(s)), None)
        if name is None or not file.is_file():
            continue
        if name in found:
            raise SetupError(f"{folder} has both {found[name].name} and {file.name}: remove one")
        found[name] = file
    if not found:
        raise SetupError(f"{folder} holds no .nii or .nii.gz file")
    return found


def read_label_map(file: Path, schema: Schema) -> LabelMap:
    """Reads a multilabel NIfTI file.

    Raises:
        SetupError: it cannot be read, or has values that the schema lacks. Names the file.
    """
    try:
        volume = read_nifti(file.read_bytes())
    except SeriesError as error:
        raise SetupError(f"{file}: {error.sentence}") from error
    except OSError as error:
        raise SetupError(f"cannot read {file}: {error.strerror}") from error
    _check_labels(volume, schema, file)
    return LabelMap(volume.hu.astype(np.uint8), volume.affine)


def _check_labels(volume: Volume, schema: Schema, file: Path) -> None:
    shifted = volume.hu.ravel(order="K").view(np.uint16)
    found = np.flatnonzero(np.bincount(shifted, minlength=1)).astype(np.uint16).view(np.int16)
    strange = sorted({int(value) for value in found} - {0, *schema.by_id})
    if strange:
        shown = ", ".join(map(str, strange[:5])) + (", ..." if len(strange) > 5 else "")
        raise SetupError(
            f"{file} has the values {shown}, which are no labels of {schema.name}: it was made "
            "with another schema, or is no label map"
        )


def check_same_grid(truth: LabelMap, predicted: LabelMap, file: Path) -> None:
    """Refuses two label maps whose voxels are not in the same places.

    Raises:
        SetupError: names the predicted file.
    """
    if truth.labels.shape != predicted.labels.shape:
        raise SetupError(
            f"{file} has {_times(predicted.labels.shape)} voxels, its truth "
            f"{_times(truth.labels.shape)}: bring both to one grid first"
        )
    if not np.allclose(truth.affine, predicted.affine, atol=_SAME_PLACE_MM):
        raise SetupError(
            f"{file} lies at another place than its truth (their affines differ): bring both to "
            "one grid first"
        )


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
