"""Anatomy as data: which structures a label schema has, and what is known of each.

A schema is one CSV file in `segment_actor/schemas`. Sources of its columns:

- `id`, `name`: the paper's list S1 (`paper104`) and the official label maps of TotalSegmentator v1
  (`total_v1`) and v2 (`total_v2`).
- `category`: the paper's four kinds.
- `snomed`: the SNOMED CT code in the DICOM mapping published with TotalSegmentator.
- `lower_volume_ml`: Table S1 of the paper; by name in v1 and v2, empty where the paper lacks
  the structure.
- `group`: which of five models segments the structure. In `total_*` the official parts; in
  `paper104` ours, four of 21 and one of 20 as in the paper's S4, which does not list them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final, Literal, cast

from segment_actor.errors import SetupError

Category = Literal["organ", "bone", "muscle", "vessel"]
Side = Literal["left", "right"]

GROUPS: Final = ("organs", "vertebrae", "cardiac", "muscles", "ribs")
"""The five class groups in painting order: where two claim a voxel, the later one has it."""

_FOLDER: Final = Path(__file__).parent / "schemas"


@dataclass(frozen=True, slots=True)
class Structure:
    """One structure of a label schema.

    Attributes:
        id: value in a label map, 1..255 (0 is background).
        name: TotalSegmentator's name, e.g. `kidney_left`, `vertebrae_L5`.
        category: organ, bone, muscle or vessel.
        side: left or right, None for an unpaired structure.
        sequence: rib 1..12; vertebra counted from C1 = 1 to L5 = 24 and S1 = 25; None otherwise.
        snomed: SNOMED CT code of the structure. Its side stands in `side`; only the codes of the
            heart's chambers and of the middle lobe name the side themselves.
        lower_volume_ml: below this volume a segmentation is anatomically implausible; None where
            the paper gives no bound.
        group: the class group that segments it, one of `GROUPS`.
    """

    id: int
    name: str
    category: Category
    side: Side | None
    sequence: int | None
    snomed: str | None
    lower_volume_ml: float | None
    group: str | None


@dataclass(frozen=True)
class Schema:
    """A label schema: its structures in the order of their ids.

    Attributes:
        name: one of `schema_names`, such as `total_v2`.
        structures: all structures, ascending by id.
        digest: SHA-256 of the CSV file; part of the pipeline version.
    """

    name: str
    structures: tuple[Structure, ...]
    digest: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all structures, ascending by id."""
        return tuple(s.name for s in self.structures)

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """Structure name to its id in a label map, 1..255."""
        return {s.name: s.id for s in self.structures}

    @cached_property
    def by_id(self) -> Mapping[int, Structure]:
        """Id in a label map to the structure."""
        return {s.id: s for s in self.structures}

    @cached_property
    def groups(self) -> Mapping[str, tuple[Structure, ...]]:
        """Group name to its structures, groups in painting order."""
        return {g: tuple(s for s in self.structures if s.group == g) for g in GROUPS}


@cache
def schema_names() -> tuple[str, ...]:
    """Names of all label schemas, in alphabetical order: one for each CSV file."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.csv")))


@cache
def load_schema(name: str) -> Schema:
    """Read one label schema.

    Args:
        name: one of `schema_names`.

    Raises:
        SetupError: there is no schema of that name.
    """
    if name not in schema_names():
        known = ", ".join(schema_names())
        raise SetupError(f"unknown label schema {name!r}; choose one of {known}")
    data = (_FOLDER / f"{name}.csv").read_bytes()
    rows = csv.DictReader(data.decode("utf-8").splitlines())
    return Schema(name, tuple(map(_structure, rows)), hashlib.sha256(data).hexdigest())


@cache
def v1_view() -> Mapping[str, str | None]:
    """The v1 schema as a view over the v2 schema.

    Returns:
        Each of the 104 names of `total_v1`, in the order of their ids, and the structure of
        `total_v2` that it is; None where v2 has none, which is not measured, not 0. The CSV's notes
        say what became of those.
    """
    path = _FOLDER / "views" / "total_v1_in_total_v2.csv"
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return {row["v1_name"]: row["v2_name"] or None for row in rows}


@cache
def category_of(structure: str) -> Category:
    """The category of a structure by its name alone; schemas that share a name agree on it.

    Raises:
        KeyError: no schema has the name.
    """
    for schema in map(load_schema, schema_names()):
        if structure in schema.ids:
            return schema.by_id[schema.ids[structure]].category
    raise KeyError(structure)


def display_name(structure: str) -> str:
    """A structure's name as people write it: `kidney left` for `kidney_left`."""
    return structure.replace("_", " ")


def without_side(structure: str) -> str:
    """What both of a pair have in common: `kidney` of `kidney_left`, `rib_5` of `rib_left_5`."""
    return structure.replace("_left", "").replace("_right", "")


def _structure(row: dict[str, str]) -> Structure:
    return Structure(
        id=int(row["id"]),
        name=row["name"],
        category=cast("Category", row["category"]),
        side=cast("Side", row["side"]) if row["side"] else None,
        sequence=int(row["sequence"]) if row["sequence"] else None,
        snomed=row["snomed"] or None,
        lower_volume_ml=float(row["lower_volume_ml"]) if row["lower_volume_ml"] else None,
        group=row["group"] or None,
    )
