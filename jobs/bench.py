"""`ctcohort bench`: named cases, ours and a peer's side by side in the same run.

A ratio of two runs of different hours says little on a shared machine, so the sides take turns,
and the table has the median of the rounds. docs/why/benchmarks.md has the figures with their dates.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import pyarrow as pa

from jobs.bench_cases.case import BenchCase, Setting
from jobs.bench_cases.cohort import COHORT
from jobs.bench_cases.cost import Cost
from jobs.bench_cases.engine import ENGINE
from jobs.bench_cases.steps import STEPS
from jobs.bench_cases.whole import WHOLE
from jobs.shared.command import Command
from jobs.shared.output import format_option, write_answer
from segment_actor.errors import SetupError

CASES = {case.name: case for case in (*STEPS, *ENGINE, *WHOLE, *COHORT)}

_FILE = click.Path(exists=True, path_type=Path)


@click.command("bench", cls=Command)
@click.argument("names", metavar="[CASE]...", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="Only list the cases.")
@click.option("--ct", type=_FILE, help="A CT, .nii.gz; default: a phantom.")
@click.option("--weights", type=_FILE, help="TOTALSEG_HOME_DIR with official model folders.")
@click.option("--peer-python", type=_FILE, help="Python that has TotalSegmentator installed.")
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("bench_work"),
    help="Folder for inputs and outputs [bench_work].",
)
@click.option("--rounds", default=3, show_default=True, help="Turns of both sides.")
@click.option("--threads", default=2, show_default=True, help="Threads of both sides.")
@format_option
def main(  # noqa: PLR0913, PLR0917 - one flag, one parameter
    names: tuple[str, ...],
    listed: bool,
    ct: Path | None,
    weights: Path | None,
    peer_python: Path | None,
    work: Path,
    rounds: int,
    threads: int,
    form: str,
) -> None:
    """Time named cases beside the official way; without names, all that can run here."""
    if listed:
        for case in CASES.values():
            print(f"{case.name:22s} {case.what}")
        return
    work.mkdir(parents=True, exist_ok=True)
    setting = Setting(work.resolve(), ct, weights, peer_python, threads)
    rows = [_row(case, setting, rounds) for case in _chosen(names)]
    write_answer(pa.Table.from_pylist(rows), form, out=None)


def _chosen(names: Sequence[str]) -> list[BenchCase]:
    if unknown := [name for name in names if name not in CASES]:
        raise SetupError(f"there is no case {unknown[0]!r}; `ctcohort bench --list` names them")
    return [CASES[name] for name in names or CASES]


def _row(case: BenchCase, setting: Setting, rounds: int) -> dict[str, object]:
    """One line of the table; a side that cannot run here is NULL, with the reason."""
    try:
        sides = case.prepare(setting)
    except SetupError as error:
        return {"case": case.name, "peer": case.peer, "note": str(error)}
    turns = [(_take(sides.ours), _take(sides.peer)) for _ in range(rounds)]
    mine = [cost for cost, _ in turns if cost is not None]
    theirs = [cost for _, cost in turns if cost is not None]
    row: dict[str, object] = {"case": case.name, "peer": case.peer, "rounds": rounds}
    row |= _figures("ours", mine) | _figures("peer", theirs)
    if mine and theirs:
        row["times_faster"] = _median(theirs, "wall_s") / _median(mine, "wall_s")
        row["times_less_cpu"] = _median(theirs, "cpu_s") / _median(mine, "cpu_s")
    missing = "" if theirs else "the peer cannot run here; see --peer-python and --weights"
    return {**row, "note": sides.agreement() or missing}


def _take(side: Callable[[], Cost] | None) -> Cost | None:
    return None if side is None else side()


def _figures(side: str, costs: Sequence[Cost]) -> dict[str, object]:
    peaks = [cost.peak_gb for cost in costs if cost.peak_gb is not None]
    return {
        f"{side}_s": _median(costs, "wall_s") if costs else None,
        f"{side}_cpu_s": _median(costs, "cpu_s") if costs else None,
        f"{side}_gb": max(peaks) if peaks else None,
    }


def _median(costs: Sequence[Cost], what: str) -> float:
    values: list[float] = [getattr(cost, what) for cost in costs]
    return statistics.median(values)


if __name__ == "__main__":
    main()
