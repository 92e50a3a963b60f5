"""Benchmark cases of one whole CT, from its file to its label map and statistics."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from jobs.bench_cases.case import (
    BenchCase,
    Setting,
    Sides,
    required_weights,
    run_and_parse,
    run_official,
    trunk_case,
)
from jobs.bench_cases.cost import Cost, cost_of_command

OURS = Path(__file__).with_name("ours.py")


def _trusted(setting: Setting) -> None:
    """Official model folders are used only once they are in the lock."""
    required_weights(setting)
    verify = [sys.executable, "-m", "jobs", "weights", "verify", "--trust"]
    cost_of_command(verify, setting.environment)


def _without_network(case: str, model_set: str) -> Callable[[Setting], Sides]:
    fast = [] if model_set == "total" else ["--fast"]

    def prepare(setting: Setting) -> Sides:
        _trusted(setting)
        ct = str(trunk_case(setting.work).ct_file)
        out = str(setting.work / case)
        theirs = ("without-network", ct, f"{out}_peer.nii.gz", *fast)
        python = Path(sys.executable)
        return Sides(
            ours=lambda: run_and_parse(setting, python, OURS, case, model_set, ct, out)[0],
            peer=(lambda: run_official(setting, *theirs)[0]) if setting.peer_python else None,
        )

    return prepare


def _cold(model_set: str, precision: str) -> Callable[[Setting], Sides]:
    def prepare(setting: Setting) -> Sides:
        _trusted(setting)
        ours = [sys.executable, "-m", "jobs", "segment-one", "-i", str(setting.one_ct), "-q"]
        ours += ["--ml", "-o", str(setting.work / f"{model_set}.nii.gz"), "--statistics"]
        ours += ["--model-set", model_set, "--precision", precision]
        cost_of_command(ours, setting.environment)  # OpenVINO's model files are kept from here on
        return Sides(
            ours=lambda: cost_of_command(ours, setting.environment)[0],
            peer=_official_cli(setting, model_set),
        )

    return prepare


def _resident(model_set: str) -> Callable[[Setting], Sides]:
    def prepare(setting: Setting) -> Sides:
        _trusted(setting)
        arguments = (
            "resident",
            model_set,
            str(setting.one_ct),
            str(setting.work / "resident"),
        )
        return Sides(
            ours=lambda: run_and_parse(setting, Path(sys.executable), OURS, *arguments)[0],
            peer=_official_cli(setting, model_set),
        )

    return prepare


def _official_cli(setting: Setting, model_set: str) -> Callable[[], Cost] | None:
    if setting.peer_python is None:
        return None
    command = [str(setting.peer_python.with_name("TotalSegmentator")), "-i", str(setting.one_ct)]
    command += ["-o", str(setting.work / f"{model_set}_official.nii.gz"), "--ml", "--statistics"]
    command += ["--device", "cpu", "--quiet", *([] if model_set == "total" else ["--fast"])]
    return lambda: cost_of_command(command, setting.environment)[0]


PEER = "TotalSegmentator"
WHOLE = (
    BenchCase(
        "without-network",
        "all but the convolutions, five parts of 512x512x280",
        PEER,
        _without_network("without-network", "total"),
    ),
    BenchCase(
        "without-sums",
        "what a GPU leaves for the CPU, five parts of 512x512x280 (peer: with its sums)",
        PEER,
        _without_network("without-sums", "total"),
    ),
    BenchCase(
        "without-network-3mm",
        "all but the convolutions, 3 mm model, 512x512x280",
        PEER,
        _without_network("without-network", "total-3mm"),
    ),
    BenchCase(
        "one-ct-3mm", "one CT from cold start, 3 mm, bfloat16", PEER, _cold("total-3mm", "bfloat16")
    ),
    BenchCase(
        "one-ct", "one CT from cold start, five parts, bfloat16", PEER, _cold("total", "bfloat16")
    ),
    BenchCase("one-ct-float32", "the same in float32", PEER, _cold("total", "float32")),
    BenchCase(
        "resident-3mm",
        "one CT, ours with the model in memory, bfloat16",
        PEER,
        _resident("total-3mm"),
    ),
)
