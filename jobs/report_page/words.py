"""The report's words: what codes, stages and states mean to somebody who did not write them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

from segment_actor.errors import FailureCode
from stats.report.cohort import LengthBin
from stats.report.work import Run
from stats.tables.stages import Stage

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
    FailureCode.UID_REUSED: "One series number stands on images of several patients or visits.",
    FailureCode.COPIES_DIFFER: "One image is there twice, with other pixels.",
    FailureCode.INCOMPLETE_ANSWER: "The PACS gave fewer images than it holds, or others.",
    FailureCode.VANISHED: "The series was listed and then gone or changed in the archive.",
    FailureCode.WORKER_DIED: "It ended its worker again and again, mostly by lack of memory.",
    FailureCode.TOO_LARGE: "Larger than the machines of the run have memory for.",
    FailureCode.UNEXPECTED: "Something unforeseen; please report it to the developers.",
}

STAGES: Final[Mapping[Stage, str]] = {
    Stage.FETCH: "fetch from the archive",
    Stage.READ: "decode and check",
    Stage.RESAMPLE: "resample to the models' grid",
    Stage.SEGMENT: "segment, all models",
    Stage.MEASURE: "measure all structures",
    Stage.WRITE: "write to the tables",
}

KINDS: Final[Mapping[str, str]] = {
    "organ": "Organs", "vessel": "Heart and vessels", "bone": "Bones", "muscle": "Muscles",
    "": "Others",
}  # fmt: skip
"""Categories of the label schemas, in the order of the report."""


def precision_of(run: Run) -> str | None:
    """Its arithmetic, as it wrote or as its built-in model set says; None if neither does."""
    return run.setting("precision") or built_in(run.model_set).get("precision")


def warning_of(run: Run) -> str | None:
    """What its numbers must not be used for, as it wrote or as its built-in model set says."""
    return run.setting("warning") or built_in(run.model_set).get("warning")


def length_label(length: LengthBin) -> str:
    """E.g. "400 to 600 mm"."""
    if length.above_mm is None:
        return f"up to {length.up_to_mm:,g} mm"
    if length.up_to_mm is None:
        return f"over {length.above_mm:,g} mm"
    return f"{length.above_mm:,g} to {length.up_to_mm:,g} mm"


@cache
def built_in(model_set: str | None) -> Mapping[str, str]:
    """The texts of a built-in model set, by key; {} for a site's own set."""
    folder = resources.files("segment_actor.models") / "sets"
    for file in folder.iterdir():
        if file.name == f"{model_set}.toml":
            values = tomllib.loads(file.read_text(encoding="utf-8"))
            return {key: value for key, value in values.items() if isinstance(value, str)}
    return {}
