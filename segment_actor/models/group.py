"""One group of a model set: which model folder it is, of which files, for which part of the CT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segment_actor.errors import SetupError
from segment_actor.models.fields import Field, FieldError
from segment_actor.models.folder import (
    CHECKPOINT,
    DATASET,
    PLANS,
    check_complete,
    file_sha256,
    read_model_folder,
)
from segment_actor.models.grids import Crop, Grid
from segment_actor.models.trusted import Trusted, trusted_models

MOST_GROUPS: Final = 100

LARGEST_MARGIN_MM: Final = 1000.0
"""Around a crop: more than there is of a patient."""


_KEYS: Final = (
    *("name", "folder", "weights", "sha256", "plans_sha256", "dataset_sha256"),
    *("crop_to", "crop_margin_mm"),
)


@dataclass(frozen=True, slots=True)
class Group:
    """One model of a set.

    Attributes:
        name: such as 'organs'.
        folder: its nnU-Net model folder.
        sha256: of the checkpoint in it, hex.
        plans_sha256: of its plans.json; "" is not checked.
        dataset_sha256: of its dataset.json; "" is not checked.
        crop: the part of the CT that it sees; None is all of it.
    """

    name: str
    folder: Path
    sha256: str
    plans_sha256: str = ""
    dataset_sha256: str = ""
    crop: Crop | None = None

    @property
    def grid(self) -> Grid:
        """Its model's spacing, on its part of the CT."""
        return Grid(read_model_folder(self.folder).spacing_mm, self.crop)


def check_checkpoint(group: Group) -> None:
    """Makes sure that the files on this machine are those that the set was written for.

    Raises:
        SetupError: one is missing, or another.
    """
    check_complete(group.folder)
    wanted = {
        CHECKPOINT: group.sha256,
        PLANS: group.plans_sha256,
        DATASET: group.dataset_sha256,
    }
    for name, sha256 in wanted.items():
        path = group.folder / name
        if (sha256 or name == CHECKPOINT) and (found := file_sha256(path)) != sha256:
            raise SetupError(
                f"{path} has SHA-256 {found}, but the model set says {sha256} for group "
                f"'{group.name}'; copy the model again, or correct the set if it was retrained"
            )


def read_groups(base: Path, field: Field) -> tuple[Group, ...]:
    """The groups of a set's file, in its order; their files are not read yet.

    Args:
        base: folder that theirs are meant from.
        field: the file's `groups`.

    Raises:
        FieldError: a group is not as it must be, or is there twice.
        SetupError: a model that it names is missing, or not trusted.
    """
    entries = field.items(1, MOST_GROUPS)
    weights = [named.text() for entry in entries if (named := entry.get("weights"))]
    trusted = trusted_models(weights)
    groups: list[Group] = []
    for entry in entries:
        entry.only(_KEYS)
        group = _group(base, entry, trusted)
        if any(group.name == other.name or _same_work(group, other) for other in groups):
            raise FieldError(f"{entry.name}: the group '{group.name}' is there twice")
        groups.append(group)
    return tuple(groups)


def _same_work(one: Group, other: Group) -> bool:
    return (one.folder, one.crop) == (other.folder, other.crop)


def _group(base: Path, entry: Field, trusted: Mapping[str, tuple[Path, Trusted]]) -> Group:
    digests: dict[str, str] = {}
    if weights := entry.get("weights"):
        if entry.get("folder"):
            raise FieldError(f"{entry.name} has both weights and folder; leave one of them out")
        folder, lock = trusted[weights.text()]
        names = {"sha256": CHECKPOINT, "plans_sha256": PLANS, "dataset_sha256": DATASET}
        digests = {key: lock.sha256[file] for key, file in names.items()}
    else:
        folder = (base / entry["folder"].text()).resolve()
        digests = {"sha256": entry["sha256"].text()}
    for key in ("sha256", "plans_sha256", "dataset_sha256"):
        if said := entry.get(key):
            digests[key] = said.text()
    return Group(name=entry["name"].text(), folder=folder, crop=_crop(entry), **digests)


def _crop(entry: Field) -> Crop | None:
    if not (entry.get("crop_to") or entry.get("crop_margin_mm")):
        return None
    structures = [structure.text() for structure in entry["crop_to"].items()]
    return Crop(tuple(structures), entry["crop_margin_mm"].number(0.0, LARGEST_MARGIN_MM))
