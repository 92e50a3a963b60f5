"""The official command line, run from file to file on the weights of a model set.

It gets a home folder of its own: links to the set's models, and a configuration that keeps it from
sending statistics of its use. The user's own folder is neither written nor tidied up (it deletes
models of older versions). The CT has the name ct.nii.gz there, so that no message tells its path.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.parity_peers.reference import Reference, read_reference
from segment_actor.anatomy import Schema
from segment_actor.errors import SetupError
from segment_actor.models.official import dataset_number
from segment_actor.models.set import ModelSet
from segment_actor.volume import Volume

PROGRAM = "TotalSegmentator"

TASKS = {
    ("291", "292", "293", "294", "295"): (),
    ("297",): ("--fast",),
    ("298",): ("--fastest",),
}
"""Data sets of a model set to the flags that make the official program use them."""

SHOWN = 200  # characters of its last words


@dataclass(frozen=True, slots=True)
class Official:
    """The official program and how it runs a model set.

    Attributes:
        program: path of it.
        flags: that choose the models.
        models: folders of the set, DatasetNNN_name/trainer__plans__configuration.
    """

    program: str
    flags: Sequence[str]
    models: Sequence[Path]


def find_official(wanted: str, models: ModelSet) -> Official | None:
    """The official program, if it is wanted, there, and knows these models.

    Args:
        wanted: "auto" takes it where it can; "never"; or its path.
        models: the set.

    Raises:
        SetupError: it is asked for by its path and cannot run.
    """
    if wanted == "never":
        return None
    folders = [group.folder for group in models.groups]
    flags = TASKS.get(tuple(dataset_number(folder.parent.name) for folder in folders))
    program = shutil.which(PROGRAM if wanted == "auto" else wanted)
    if wanted != "auto" and program is None:
        raise SetupError(f"--official {wanted} is no program that can be run; give its path")
    if wanted != "auto" and flags is None:
        raise SetupError(
            f"{PROGRAM} does not know the models of set {models.name}: take total, total-3mm or "
            "total-6mm, or leave --official out"
        )
    return None if program is None or flags is None else Official(program, flags, folders)


def official_labels(
    official: Official, ct: Path, volume: Volume, schema: Schema, device: str
) -> Reference:
    """Runs the official program on one CT.

    Args:
        official: from `find_official`.
        ct: its file.
        volume: the same, read.
        schema: of the labels.
        device: "cpu", or torch's name of a GPU, such as "cuda:0".

    Raises:
        SetupError: it failed; with its last words.
    """
    with tempfile.TemporaryDirectory(prefix="ctcohort-parity-") as name:
        folder = Path(name)
        home = _home(folder, official.models)
        image, output = folder / "".join(["ct", *_suffixes(ct)]), folder / "labels.nii.gz"
        image.symlink_to(ct.resolve())
        environment = {k: v for k, v in os.environ.items() if k != "TOTALSEG_WEIGHTS_PATH"}
        words = [official.program, "-i", str(image), "-o", str(output), "--ml", "--quiet"]
        done = subprocess.run(  # noqa: S603  # the program that the user named, no shell
            [*words, "--device", device.replace("cuda", "gpu"), *official.flags],
            env={**environment, "TOTALSEG_HOME_DIR": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not output.is_file():
            said = _last_words((done.stderr or done.stdout).replace(name, ""))
            raise SetupError(f"{PROGRAM} ended with code {done.returncode}: {said}")
        return read_reference(output, volume, schema)


def _home(folder: Path, models: Sequence[Path]) -> Path:
    results = folder / "home" / "nnunet" / "results"
    results.mkdir(parents=True)
    for model in models:
        (results / model.parent.name).symlink_to(model.parent.resolve())
    configuration = {
        "totalseg_id": "totalseg_parity",
        "send_usage_stats": False,
        "prediction_counter": 0,
        "statistics_disclaimer_shown": True,
    }
    (folder / "home" / "config.json").write_text(json.dumps(configuration), encoding="utf-8")
    return folder / "home"


def _suffixes(ct: Path) -> list[str]:
    return [".nii", ".gz"] if ct.name.endswith(".gz") else [".nii"]


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:SHOWN] if lines else "it said nothing"
