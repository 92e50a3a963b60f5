"""What the options of `ctcohort segment-one` mean, in the words of TotalSegmentator's users."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from jobs.shared.command import Command
from segment_actor.errors import SetupError
from segment_actor.reading.nifti import NIFTI_SUFFIXES
from segment_actor.reading.packed import container_by_name
from segment_actor.reading.series import Kind
from segment_actor.writing.dicom.kinds import KINDS

FAST = {"embedded": "embedded-fast", "total": "total-3mm"}
"""Model set, and the coarse one of the same family."""

_LIST_OPTIONS = ("-rs", "--roi_subset", "--roi-subset")


class ListCommand(Command):
    """A command some of whose options take a list: `--roi_subset liver spleen -o out`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Click repeats the option for each value; here the option may stand once."""
        spread: list[str] = []
        option, values = "", 1
        for arg in [*args, "--"]:
            if arg.startswith("-"):
                if not values:
                    raise click.UsageError(f"{option} needs a structure, such as liver")
                option, values = (arg, 0) if arg in _LIST_OPTIONS else ("", 1)
                spread += [] if option else [arg]
            else:
                spread += [option, arg] if option else [arg]
                values += 1
        return super().parse_args(ctx, spread[:-1])


def dicom_kinds(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...]:
    """The kinds of DICOM result in a list such as `seg,sr`."""
    kinds = tuple(word.strip() for word in text.split(",")) if text else ()
    for kind in kinds:
        if kind not in KINDS:
            raise click.BadParameter(f"'{kind}' is not one of {', '.join(KINDS)}")
    return kinds


def fast_set(model_set: str) -> str:
    """The coarse set of the same family; a coarse set as it is.

    Raises:
        SetupError: there is none.
    """
    if model_set in FAST.values():
        return model_set
    if model_set not in FAST:
        raise SetupError(
            f"--fast knows the model sets {', '.join(FAST)}, not '{model_set}'; "
            "leave --fast out and name the set you want with --model-set"
        )
    return FAST[model_set]


def place_of(out: Path, *, ml: bool) -> tuple[Path, str | None]:
    """Where to write.

    Returns:
        The folder; and the name of the label map in it, None for a mask a structure.

    Raises:
        SetupError: the output is a folder where a file is meant, or the other way round.
    """
    if not ml:
        if out.name.endswith(NIFTI_SUFFIXES):
            raise SetupError(
                f"{out} is named like one file, but there is one mask a structure; "
                "name a folder, or add --ml for one file with all structures"
            )
        return out, None
    if not out.name.endswith(".nii.gz") or out.is_dir():
        raise SetupError(f"with --ml the output is one file; name it {out / 'labels'}.nii.gz")
    return out.parent, out.name


def files_of(ct: Path) -> tuple[Kind, Sequence[Path]]:
    """The kind of input, and its files.

    A folder is taken with all folders below it, as dcm2niix takes it. Which of several series in it
    is meant shows when they are read.

    Raises:
        SetupError: there is nothing there, or nothing of a CT.
    """
    if ct.is_dir():
        visible = sorted(f for f in ct.rglob("*") if f.is_file() and not f.name.startswith("."))
        if not visible:
            raise SetupError(f"the folder {ct} is empty; name a CT, or a folder of DICOM files")
        return "dicom", visible
    if not ct.exists():
        raise SetupError(f"{ct} does not exist; check the path of the CT")
    name = ct.name.lower()
    is_nifti = name.endswith(NIFTI_SUFFIXES)
    return container_by_name(name) or ("nifti" if is_nifti else "dicom"), [ct]
