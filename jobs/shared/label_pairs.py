"""Which label maps belong together: files of one name in two or three folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segment_actor.errors import SetupError

SUFFIXES = (".nii.gz", ".nii")


@dataclass(frozen=True, slots=True)
class Cases:
    """Files of several folders that belong together, one case each.

    Attributes:
        names: base names that every folder has, in order.
        files: one mapping a folder, base name to file.
        unmatched: one tuple a folder: base names that another folder lacks.
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
