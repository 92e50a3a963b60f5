"""Benchmark case of a run over many CTs: CT/h, how busy the cores are, peak memory."""

from __future__ import annotations

import os
import shutil
import sys

from jobs.bench_cases.case import BenchCase, Setting, Sides
from jobs.bench_cases.cost import Cost, cost_of_command
from jobs.phantom import write_phantoms

FIRST_SEED, N_CTS = 268, 12
"""The phantoms of the demo."""


def _cohort(setting: Setting) -> Sides:
    out, tables = setting.work / "cohort", setting.work / "cohort_tables"
    write_phantoms(out, range(FIRST_SEED, FIRST_SEED + N_CTS))
    command = [sys.executable, "-m", "jobs", "segment", "--model-set", "embedded-fast"]
    command += ["--archive", str(out / "archive"), "--tables", str(tables)]
    environment = {
        **setting.environment,
        "OMP_NUM_THREADS": "1",  # the lanes share the cores
        "CTCOHORT_SITE_SECRET_FILE": str(setting.work / "site_secret"),
    }
    costs: list[Cost] = []

    def ours() -> Cost:
        shutil.rmtree(tables, ignore_errors=True)
        costs.append(cost_of_command(command, environment)[0])
        return costs[-1]

    def agreement() -> str:
        last = costs[-1]
        per_hour = 3600 * N_CTS / last.wall_s
        busy = last.cpu_s / (last.wall_s * (os.cpu_count() or 1))
        return f"{N_CTS} CTs with Ray's start: {per_hour:.0f} CT/h, cores {busy:.0%} busy"

    return Sides(ours, None, agreement)


COHORT = (
    BenchCase(
        "cohort",
        "a run over 12 phantoms on Ray, the fast embedded set: CT/h, cores busy, peak memory",
        "none",
        _cohort,
    ),
)
