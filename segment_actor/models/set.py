"""A model set: which nnU-Net models segment a CT, in which order, onto which label schema.

One TOML file a set. Sets shipped with the package lie in `segment_actor/models/sets`; a file of
own is named by its path. Nothing else in the code knows a spacing, a patch or the number of groups.

    name = "mine"
    schema = "total_v2"              # label schema the groups' class names are looked up in
    order = 3                        # spline of the resampling onto the models' grid; default 3
    step = 0.8                       # distance of windows in patches, 0.1 to 1; default 0.5
    precision = "float32"            # or "bfloat16" where the processor has it; default float32
    licence = "Apache-2.0"
    warning = "For research."        # said in every run's log; may be left out
    compat = "totalsegmentator-2.18" # run as that tool does; may be left out

    [[groups]]                       # painted in this order, a later group over an earlier
    name = "organs"
    folder = "weights/Dataset291_.../nnUNetTrainer__nnUNetPlans__3d_fullres"   # from this file
    sha256 = "..."                   # of fold_0/checkpoint_final.pth

    crop_to = ["heart", "aorta"]      # see only the part of the CT around these structures, which
    crop_margin_mm = 10              # groups above have drawn; both may be left out

Groups of one spacing and crop share a grid: the CT is resampled once for them, and they are painted
over one another. Groups on different grids draw label maps of their own, so that a vessel takes no
voxel from the lung it lies in.

Instead of folder and sha256, `weights = "Dataset291_.../nnUNetTrainer..."` names a model that
`ctcohort weights` has brought in; where it lies and what it must be is in `trusted_weights`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema, load_schema, schema_names
from segment_actor.errors import SetupError
from segment_actor.execution import PRECISIONS, Execution, Precision
from segment_actor.models.fields import Field, read_toml
from segment_actor.models.folder import folder_digest, read_model_folder
from segment_actor.models.grids import Grid
from segment_actor.models.group import Group, check_checkpoint, read_groups
from segment_actor.models.official import licence_sentence, licensed_models
from segment_actor.models.way import LEAST_STEP, OUR_WAY, Way, way_of
from segment_actor.volume import N_LABEL_VALUES

ENGINE_VERSION: Final = 1
"""Part of every digest; raise it when the same weights give other labels."""

_BUILT_IN: Final = Path(__file__).parent / "sets"


@dataclass(frozen=True, kw_only=True)
class ModelSet:
    """What a run segments with.

    Attributes:
        name: of the set.
        schema: name of the label schema.
        groups: in painting order; those of one grid stand together.
        licence: of the weights.
        way: from voxels to labels.
        precision: of the convolutions, unless the run asks for another.
        warning: a sentence for every run's log; empty if there is none.
    """

    name: str
    schema: str
    groups: tuple[Group, ...]
    licence: str
    way: Way = OUR_WAY
    precision: Precision = "float32"
    warning: str = ""

    def __post_init__(self) -> None:
        if not self.groups:
            raise ValueError("a model set needs at least one group")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision}"
            )

    @cached_property
    def grids(self) -> tuple[Grid, ...]:
        """The grids of its groups, each once, in painting order."""
        return tuple(dict.fromkeys(group.grid for group in self.groups))

    @cached_property
    def whole_grids(self) -> tuple[Grid, ...]:
        """Those of the whole CT, which can be resampled before anything is labelled."""
        return tuple(grid for grid in self.grids if grid.crop is None)

    def groups_on(self, grid: Grid) -> tuple[int, ...]:
        """Numbers in `groups` of those that work on a grid, in painting order."""
        return tuple(n for n, group in enumerate(self.groups) if group.grid == grid)


def load_model_set(name_or_path: str | Path, compat: str | None = None) -> ModelSet:
    """Loads and checks a set: every file is there, every checkpoint is the one that was meant.

    Args:
        name_or_path: of a built-in set, or the path of a .toml file.
        compat: the tool whose way to take, of `WAYS`; None takes the set's own.

    Raises:
        SetupError: with the culprit and the remedy.
    """
    path = _find(name_or_path)
    try:
        model_set = _model_set(path.parent, read_toml(path), compat)
        _check_grids(model_set)
    except ValueError as error:
        raise SetupError(f"model set {path} is not valid: {error}; correct the file") from error
    except OSError as error:
        raise SetupError(f"model set {path} cannot be read ({error.strerror})") from error
    schema = load_schema(model_set.schema)
    for group in model_set.groups:
        label_table(read_model_folder(group.folder).label_names, schema)
    return model_set


def model_set_digest(model_set: ModelSet, execution: Execution) -> str:
    """SHA-256, hex, of all that decides the labels of a CT: weights, schema, way, engine.

    The set's name, licence and warning are not in it. The engine is below float32 only: in float32
    engines give the same labels but for a few near-ties in a million voxels.

    Args:
        model_set: whose models run.
        execution: as it was decided: engine and precision are those that will run.
    """
    way = model_set.way
    crops = [f"{group.name} in {group.crop}" for group in model_set.groups if group.crop]
    parts: list[Any] = [
        *(folder_digest(group.folder) for group in model_set.groups),
        load_schema(model_set.schema).digest,
        way.order,
        way.step,
        execution.precision,
        ENGINE_VERSION,
        *([way.name] if way.name else []),
        *([execution.engine] if execution.precision != "float32" else []),
        *crops,
    ]
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def label_table(label_names: dict[int, str], schema: Schema) -> npt.NDArray[np.uint8]:
    """A model's label values to the schema's ids, by name.

    Returns:
        (256,) uint8: table[label value] = id; 0 for background.

    Raises:
        SetupError: the schema has no structure of that name.
    """
    table = np.zeros(N_LABEL_VALUES, dtype=np.uint8)
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


_KEYS: Final = (
    *("name", "schema", "order", "step", "precision", "licence", "warning", "compat", "groups"),
)


def _model_set(base: Path, file: Field, compat: str | None) -> ModelSet:
    """What a set's file says; folders are meant from the file's own folder."""
    file.only(_KEYS)
    groups = read_groups(base, file["groups"])
    way = Way(**_way(file))
    if named := file.get("compat"):
        way = way_of(named.text())
    precision, warning = file.get("precision"), file.get("warning")
    model_set = ModelSet(
        name=file["name"].text(),
        schema=file["schema"].one_of(schema_names()),
        groups=groups,
        licence=file["licence"].text(),
        way=way_of(compat) if compat else way,
        precision=cast("Precision", precision.one_of(PRECISIONS)) if precision else "float32",
        warning=warning.text(empty=True) if warning else "",
    )
    for group in groups:
        check_checkpoint(group)
    return model_set


def _way(file: Field) -> dict[str, Any]:
    """The settings of `Way` that a set may say itself."""
    said: dict[str, Any] = {}
    if order := file.get("order"):
        said["order"] = order.whole(0, 3)
    if step := file.get("step"):
        said["step"] = step.number(LEAST_STEP, 1.0)
    return said


def _check_grids(model_set: ModelSet) -> None:
    """Makes sure that each crop is around structures that are drawn before it, on other grids."""
    in_order = [n for grid in model_set.grids for n in model_set.groups_on(grid)]
    if in_order != sorted(in_order):
        raise ValueError("groups of the same spacing and crop must stand one after the other")
    drawn: set[str] = set()
    for grid in model_set.grids:
        if grid.crop and (missing := set(grid.crop.structures) - drawn):
            raise ValueError(
                f"no group before it draws {', '.join(sorted(missing))} of its crop_to"
            )
        for number in model_set.groups_on(grid):
            folder = read_model_folder(model_set.groups[number].folder)
            drawn.update(folder.label_names.values())


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
