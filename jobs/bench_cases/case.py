"""What a case of `ctcohort bench` is, and what all of them share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from jobs.bench_cases.cost import Cost, cost_of_command
from jobs.bench_cases.inputs import BIG_SHAPE, BIG_SPACING_MM, Example, make_trunk
from segment_actor.errors import SetupError

Side = Callable[[], Cost]

ROOT = Path(__file__).parents[2]

OFFICIAL = ROOT / "infra" / "peers" / "official.py"
"""Runs in the peer's Python, and imports nothing of ours."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the command line gave.

    Attributes:
        work: folder for inputs and outputs.
        ct: a CT for the whole-CT cases; None takes a phantom.
        weights: TotalSegmentator's home folder with models; None leaves out what needs one.
        peer_python: the Python of an environment with TotalSegmentator; None leaves its side out.
        threads: that each of the two sides may use.
    """

    work: Path
    ct: Path | None
    weights: Path | None
    peer_python: Path | None
    threads: int

    @property
    def one_ct(self) -> Path:
        """The CT of the whole-CT cases."""
        return self.ct or trunk_case(self.work).ct_file

    @property
    def environment(self) -> Mapping[str, str]:
        """Where both sides find the models, and how many threads they may use."""
        threads = str(self.threads)
        return {
            "TOTALSEG_HOME_DIR": str(self.weights),
            "CTCOHORT_WEIGHTS_DIR": str(self.work / "trusted"),
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "PYTHONPATH": str(ROOT),
        }


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a case, inputs made and caches warm.

    Attributes:
        ours, peer: run once and tell the cost; None if that side cannot run here.
        agreement: how far the results are equal, asked after the last round.
    """

    ours: Side | None
    peer: Side | None
    agreement: Callable[[], str] = field(default=lambda: "")


@dataclass(frozen=True, slots=True)
class BenchCase:
    """One line of the benchmark.

    Attributes:
        name: what the command line calls it.
        what: what both sides do.
        peer: the other side's name.
        prepare: makes inputs, warms up, and gives both sides.
    """

    name: str
    what: str
    peer: str
    prepare: Callable[[Setting], Sides]


@cache
def trunk_case(work: Path) -> Example:
    """The CT of trunk size, made once a run."""
    return make_trunk(work, BIG_SHAPE, BIG_SPACING_MM)


def run_and_parse(
    setting: Setting, python: Path, script: Path, *arguments: str
) -> tuple[Cost, Any]:
    """Runs a script that times itself and prints JSON: wall_s, cpu_s, values.

    Returns:
        What it says it cost, with the peak memory seen from outside, and its values.
    """
    command = [str(python), str(script), *arguments]
    cost, line = cost_of_command(command, setting.environment)
    answer = json.loads(line)
    said = replace(cost, wall_s=answer["wall_s"], cpu_s=answer["cpu_s"])
    return said, answer.get("values")


def run_official(setting: Setting, *arguments: str) -> tuple[Cost, Any]:
    """Runs a case of `infra/peers/official.py` in the peer's environment."""
    assert setting.peer_python is not None
    return run_and_parse(setting, setting.peer_python, OFFICIAL, *arguments)


def required_weights(setting: Setting) -> Path:
    """The official model folders.

    Raises:
        SetupError: none were named.
    """
    if setting.weights is None:
        raise SetupError("this case needs official model folders: --weights HOME")
    return setting.weights
