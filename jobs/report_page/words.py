"""The report's words: what codes, stages and states mean to somebody who did not write them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from segment_actor.errors import FailureCode

FAILURES: Final[Mapping[str, str]] = {
    FailureCode.EMPTY_FILE: "The file has no content: its transfer to the archive failed.",
    FailureCode.TRUNCATED_FILE: "The file ends too early, cut off on its way: send it again.",
    FailureCode.UNREADABLE_FILE: "The file is damaged, or not of a format that can be read.",
    FailureCode.NOT_3D: "Not one volume: a single slice, or a series over time.",
    FailureCode.COLOUR_IMAGE: "A colour picture, such as a screenshot or a rendering; not a CT.",
    FailureCode.NOT_FINITE: "Voxels without a number: the CT was damaged by an earlier conversion.",
    FailureCode.BAD_SPACING: "The distance of voxels is missing, zero, or not that of a CT.",
    FailureCode.BAD_AFFINE: "The position and direction of the axes are missing or contradict.",
    FailureCode.TOO_FEW_SLICES: "Too few slices for a volume.",
    FailureCode.NOT_HOUNSFIELD: "The values are not Hounsfield units: no density can be measured.",
    FailureCode.NOT_CT: "Another kind of image than CT.",
    FailureCode.SEVERAL_SERIES: "Slices of several series lie in one place.",
    FailureCode.MISSING_SLICE: "Slices are missing or unevenly spaced; send the series again.",
    FailureCode.LOCALIZER: "A localizer (scout view), not a volume; nothing is lost.",
    FailureCode.MISSING_UID: "DICOM files without the numbers that say which series they are of.",
    FailureCode.VANISHED: "The series was listed and then gone or changed in the archive.",
    FailureCode.WORKER_DIED: "It ended its worker again and again, mostly by lack of memory.",
    FailureCode.TOO_LARGE: "Larger than the machines of the run have memory for.",
    FailureCode.UNEXPECTED: "Something unforeseen; please report it to the developers.",
}

STAGES: Final[Mapping[str, str]] = {
    "fetch": "fetch from the archive",
    "read": "decode and check",
    "resample": "resample to the models' grid",
    "network": "segment, all models",
    "measure": "measure all structures",
    "segment": "segment",
    "write": "write to the tables",
}

KINDS: Final[Mapping[str, str]] = {
    "organ": "Organs", "vessel": "Heart and vessels", "bone": "Bones", "muscle": "Muscles",
    "": "Others",
}  # fmt: skip
"""Categories of the label schemas, in the order of the report."""


def built_in(model_set: str | None) -> Mapping[str, Any]:
    """What a built-in model set says of itself, without its models; {} for a site's own set."""
    folder = resources.files("segment_actor.models") / "sets"
    for file in folder.iterdir():
        if file.name == f"{model_set}.toml":
            return tomllib.loads(file.read_text(encoding="utf-8"))
    return {}


def title_of(structure: str) -> str:
    """A structure's name as people write it."""
    return structure.replace("_", " ")
