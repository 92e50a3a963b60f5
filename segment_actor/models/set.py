"""A model set: which nnU-Net models segment a CT, in which order, onto which label schema.

One TOML file a set. Sets shipped with the package lie in `segment_actor/models/sets`; a file of
own is named by its path. Nothing else in the code knows a spacing, a patch or the number of groups.

    name = "mine"
    schema = "total_v2"              # label schema the groups' class names are looked up in
    order = 3                        # spline of the resampling onto the models' grid; default 3
    step = 0.8                       # distance of windows in patches; default 0.5
    precision = "float32"            # or "bfloat16" where the processor has it; default float32
    licence = "Apache-2.0"
    warning = "For research."        # said in every run's log; may be left out
    compat = "totalsegmentator-2.18" # run as that tool does; may be left out

    [[groups]]                       # painted in this order, a later group over an earlier
    name = "organs"
    folder = "weights/Dataset291_.../nnUNetTrainer__nnUNetPlans__3d_fullres"   # from this file
    sha256 = "..."                   # of fold_0/checkpoint_final.pth

Instead of folder and sha256, `weights = "Dataset291_.../nnUNetTrainer..."` names a model that
`ctcohort weights` has brought in; where it lies and what it must be is in `trusted_weights`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema, load_schema
from segment_actor.errors import SetupError
from segment_actor.models.folder import (
    CHECKPOINT,
    DATASET,
    PLANS,
    check_complete,
    file_sha256,
    folder_digest,
    read_model_folder,
)
from segment_actor.models.official import licence_sentence, licensed_models
from segment_actor.models.trusted import trusted_models
from segment_actor.volume import SpacingMm

Precision = Literal["float32", "bfloat16", "float16"]

ENGINE_VERSION: Final = 1
"""Part of every digest; raise it when the same weights give other labels."""

COMPATS: Final[Mapping[str, Mapping[str, Any]]] = {
    "totalsegmentator-2.18": {"order": 1, "step": 0.8},
}
"""Name of another tool's way, and the settings of a set that it fixes.

TotalSegmentator 2.18 resamples linearly and cuts HU off to whole numbers (resampling.py), moves its
windows by 0.8 patches (nnunet.py), and has nnU-Net add them up in float16 (engine/half_sums.py)."""

_BUILT_IN: Final = Path(__file__).parent / "sets"


@dataclass(frozen=True, slots=True)
class Group:
    """One model of a set.

    Attributes:
        name: such as 'organs'.
        folder: its nnU-Net model folder.
        sha256: of the checkpoint in it, hex.
        plans_sha256: of its plans.json; "" is not checked.
        dataset_sha256: of its dataset.json; "" is not checked.
    """

    name: str
    folder: Path
    sha256: str
    plans_sha256: str = ""
    dataset_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSet:
    """What a run segments with.

    Attributes:
        name: of the set.
        schema: name of the label schema.
        groups: in painting order.
        spacing_mm: of the models' common grid along I, J, K, from their plans.
        licence: of the weights.
        order: spline order of the resampling onto the grid: 0, 1 or 3.
        step: distance of windows as a fraction of the patch, 0 < step <= 1.
        precision: of the convolutions.
        warning: a sentence for every run's log; empty if there is none.
        compat: "" is our own way: HU on the models' grid rounded to whole numbers. A name of
            `COMPATS` is another tool's way; see `with_compat`.
        engine: that this run's networks go through. In float32 engines give the same labels but
            for a few near-ties in a million voxels; below that each rounds in its own way, so it
            counts for the digest.
    """

    name: str
    schema: str
    groups: tuple[Group, ...]
    spacing_mm: SpacingMm
    licence: str
    order: int = 3
    step: float = 0.5
    precision: Precision = "float32"
    warning: str = ""
    compat: str = ""
    engine: str = ""

    def __post_init__(self) -> None:
        if not self.groups:
            raise ValueError("a model set needs at least one group")
        if self.order not in (0, 1, 3):
            raise ValueError(f"order must be 0, 1 or 3, got {self.order}")
        if not 0 < self.step <= 1:
            raise ValueError(f"step must be above 0 and at most 1, got {self.step}")
        if self.precision not in get_args(Precision):
            raise ValueError(
                f"precision must be float32, bfloat16 or float16, got {self.precision}"
            )
        if self.compat and self.compat not in COMPATS:
            raise ValueError(f"compat must be one of {', '.join(COMPATS)}, got {self.compat}")


def load_model_set(name_or_path: str | Path) -> ModelSet:
    """Loads and checks a set: every file is there, every checkpoint is the one that was meant.

    Args:
        name_or_path: of a built-in set, or the path of a .toml file.

    Raises:
        SetupError: with the culprit and the remedy.
    """
    path = _find(name_or_path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        groups = _groups(path.parent, content.pop("groups"))
        for group in groups:
            check_checkpoint(group)
        spacing_mm = _common_spacing_mm(groups)
        model_set = ModelSet(**content, groups=groups, spacing_mm=spacing_mm)
    except (KeyError, TypeError, ValueError) as error:  # ValueError: also of the TOML itself
        raise SetupError(f"model set {path} is not valid: {error}; correct the file") from error
    schema = load_schema(model_set.schema)
    for group in groups:
        label_table(read_model_folder(group.folder).label_names, schema)
    return with_compat(model_set, model_set.compat)


def with_compat(model_set: ModelSet, name: str) -> ModelSet:
    """The same models, run as another tool runs them, to give that tool's labels.

    Args:
        model_set: any set.
        name: of `COMPATS`; "" leaves the set as it is.

    Raises:
        SetupError: there is no such name.
    """
    if not name:
        return model_set
    if name not in COMPATS:
        raise SetupError(f"there is no compat '{name}'; name one of {', '.join(COMPATS)}")
    return replace(model_set, compat=name, **COMPATS[name])


def model_set_digest(model_set: ModelSet) -> str:
    """SHA-256, hex, of all that decides the labels of a CT: weights, schema, settings, engine.

    The set's name, licence and warning are not in it.
    """
    parts: list[Any] = [
        *(folder_digest(group.folder) for group in model_set.groups),
        load_schema(model_set.schema).digest,
        model_set.order,
        model_set.step,
        model_set.precision,
        ENGINE_VERSION,
        *([model_set.compat] if model_set.compat else []),
        *([model_set.engine] if model_set.engine and model_set.precision != "float32" else []),
    ]
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


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


def label_table(label_names: dict[int, str], schema: Schema) -> npt.NDArray[np.uint8]:
    """A model's label values to the schema's ids, by name.

    Returns:
        (256,) uint8: table[label value] = id; 0 for background.

    Raises:
        SetupError: the schema has no structure of that name.
    """
    table = np.zeros(256, dtype=np.uint8)
    for value, name in label_names.items():
        if value == 0:
            continue
        if name not in schema.ids:
            raise SetupError(
                f"schema {schema.name} has no structure '{name}'; "
                "choose the schema that the model was trained for"
            )
        table[value] = schema.ids[name]
    return table


def _groups(base: Path, entries: list[dict[str, Any]]) -> tuple[Group, ...]:
    """The groups of a set's file; folders are meant from the file's own folder."""
    trusted = trusted_models([entry["weights"] for entry in entries if "weights" in entry])
    groups = []
    for entry in entries:
        place = "weights" if "weights" in entry else "folder"
        rest = {key: value for key, value in entry.items() if key != place}
        if place == "weights":
            folder, lock = trusted[entry["weights"]]
            own = {
                "sha256": lock.sha256[CHECKPOINT],
                "plans_sha256": lock.sha256[PLANS],
                "dataset_sha256": lock.sha256[DATASET],
            }
            groups.append(Group(folder=folder, **own, **rest))
        else:
            groups.append(Group(folder=(base / entry["folder"]).resolve(), **rest))
    return tuple(groups)


def _find(name_or_path: str | Path) -> Path:
    built_in = _BUILT_IN / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix != ".toml" and built_in.is_file():
        return built_in
    if path.is_file():
        return path
    if str(name_or_path) in licensed_models():
        raise SetupError(licence_sentence(str(name_or_path)))
    names = ", ".join(sorted(file.stem for file in _BUILT_IN.glob("*.toml")))
    raise SetupError(
        f"there is no model set '{name_or_path}'; name one of {names}, or the path of a .toml file"
    )


def _common_spacing_mm(groups: tuple[Group, ...]) -> SpacingMm:
    """The grid is one: a CT is resampled once for all groups."""
    spacings = {group.name: read_model_folder(group.folder).spacing_mm for group in groups}
    if len(set(spacings.values())) > 1:
        raise ValueError(f"its groups are of different spacing in mm: {spacings}")
    return next(iter(spacings.values()))
