"""TotalSegmentator's published models, as data: which there are, how large, under which licence.

`official.csv` lists those that the model sets `total`, `total-3mm` and `total-6mm` are made
of: names and releases as in TotalSegmentator 2.18 (map_tasks_config.py), licences as in its README,
sizes in bytes of the release's .zip files. `licensed.csv` lists those that need a licence.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from segment_actor.anatomy import load_schema

SCHEMA: Final = "total_v2"
"""Label schema of all official models."""

LICENCE_PAGE: Final = "https://backend.totalsegmentator.com/license-academic/"
"""Where TotalSegmentator's authors give out licences for the models that need one."""

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class OfficialModel:
    """One published nnU-Net model.

    Attributes:
        dataset: name of its data set, and of the release's .zip.
        model: name of the model folder in it.
        group: of the schema that it segments; "" is all of them.
        spacing_mm: of its grid, the same along all axes.
        licence: of the weights.
        release: tag of the release that the .zip belongs to.
        download_bytes: size of the .zip.
    """

    dataset: str
    model: str
    group: str
    spacing_mm: float
    licence: str
    release: str
    download_bytes: int

    @property
    def name(self) -> str:
        """'dataset/model', which tells models apart everywhere in ctcohort."""
        return f"{self.dataset}/{self.model}"

    @property
    def number(self) -> str:
        """Number of the data set, three digits."""
        return dataset_number(self.dataset)

    @property
    def model_set(self) -> str:
        """The built-in set that it belongs to."""
        return {1.5: "total", 3.0: "total-3mm", 6.0: "total-6mm"}[self.spacing_mm]

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of what it segments, in the order of its labels 1, 2, 3 ..."""
        schema = load_schema(SCHEMA)
        return tuple(s.name for s in schema.groups[self.group]) if self.group else schema.names


def dataset_number(dataset: str) -> str:
    """'291' of 'Dataset291_...'."""
    return dataset.removeprefix("Dataset").partition("_")[0]


@cache
def official_models() -> tuple[OfficialModel, ...]:
    """Those that the official model sets are made of, by number, which is the painting order."""
    return tuple(
        OfficialModel(
            dataset=row["dataset"],
            model=row["model"],
            group=row["group"],
            spacing_mm=float(row["spacing_mm"]),
            licence=row["licence"],
            release=row["release"],
            download_bytes=int(row["download_bytes"]),
        )
        for row in _rows("official.csv")
    )


@cache
def licensed_models() -> dict[str, str]:
    """Task to data set, of the models that TotalSegmentator's authors give out under a licence."""
    return {row["task"]: row["dataset"] for row in _rows("licensed.csv")}


def licence_sentence(task: str) -> str:
    """Why a licensed model is refused, and what to do."""
    return (
        f"'{task}' is a licensed model of TotalSegmentator, which ctcohort does not fetch: get a "
        f"licence at {LICENCE_PAGE}, download the model with TotalSegmentator, and give its folder "
        "to ctcohort weights import --i-have-a-licence"
    )


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((_HERE / name).read_text(encoding="utf-8").splitlines()))
