"""The benchmark tells what it cost, ours beside the peer's, and what could not be run."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.bench import CASES, _row, main
from jobs.bench_cases.case import BenchCase, Setting, Sides
from jobs.bench_cases.cost import Cost, cost_of_call, cost_of_command
from segment_actor.errors import SetupError

SETTING = Setting(Path(), None, None, None, 1)


def test_a_call_that_waits_costs_time_but_no_cpu() -> None:
    cost = cost_of_call(lambda: time.sleep(0.2))
    assert cost.wall_s >= 0.2
    assert cost.cpu_s < 0.1


def test_a_command_costs_what_its_children_cost_and_hold() -> None:
    child = "x = b'x' * 150_000_000; y = sum(range(10**7)); import time; time.sleep(0.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print(7)"
    cost, line = cost_of_command([sys.executable, "-c", parent])
    assert line == "7"
    assert cost.cpu_s > 0.1
    assert cost.peak_gb is not None
    assert cost.peak_gb > 0.14


def test_a_command_that_fails_ends_the_benchmark_with_its_last_words() -> None:
    with pytest.raises(SetupError, match="code 3: no such thing"):
        cost_of_command(
            [
                sys.executable,
                "-c",
                "import sys; print('no such thing', file=sys.stderr); sys.exit(3)",
            ]
        )


def test_the_ratio_is_that_of_the_medians_of_all_rounds() -> None:
    ours, peer = iter([1.0, 9.0, 2.0]), iter([40.0, 20.0, 30.0])
    sides = Sides(lambda: Cost(next(ours), 1.0, 0.5), lambda: Cost(next(peer), 3.0), lambda: "same")
    row = _row(BenchCase("x", "", "p", lambda _: sides), SETTING, rounds=3)
    assert (row["ours_s"], row["peer_s"], row["times_faster"]) == (2.0, 30.0, 15.0)
    assert (row["times_less_cpu"], row["ours_gb"], row["note"]) == (3.0, 0.5, "same")


def test_a_case_that_cannot_run_here_says_why_and_has_no_figures() -> None:
    row = _row(CASES["one-ct"], SETTING, rounds=1)
    assert "ours_s" not in row
    assert "--weights" in str(row["note"])


def test_the_list_names_every_case_and_an_unknown_one_is_refused() -> None:
    listed = CliRunner().invoke(main, ["--list"])
    assert all(name in listed.output for name in CASES)
    refused = CliRunner().invoke(main, ["speed"])
    assert refused.exit_code == 2
    assert "no case 'speed'" in refused.output
