"""`python -m tests.fuzz`: hostile inputs for everything that reads a user's file.

Ends with 1 if there was a fault: an exception that is no sentence, a number that an independent
reader does not confirm, too much time or memory.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import click

from tests.fuzz.case import FAULTS, Judged, Verdict
from tests.fuzz.pool import Chunk, chunks, run_chunks, targets


@click.command()
@click.option("--inputs", type=click.IntRange(1), default=500, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--only", help=f"Some of {','.join(targets())}, separated by commas.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the inputs of faults.",
)
def main(inputs: int, seed: int, only: str | None, processes: int, keep: Path | None) -> None:
    """Count what becomes of hostile inputs, and list the faults."""
    names = only.split(",") if only else targets()
    if unknown := set(names) - set(targets()):
        raise click.UsageError(f"no target {', '.join(sorted(unknown))}: take {targets()}")
    start = time.monotonic()
    counts: Counter[tuple[str, Verdict]] = Counter()
    for chunk, n, judged in run_chunks(chunks(names, seed, inputs), processes):
        counts[chunk.target, judged.verdict] += 1
        if judged.verdict in FAULTS or judged.verdict is Verdict.UNREAD:
            click.echo(f"{chunk.target} {chunk.number}.{n} {judged.name}: {judged.verdict}")
            click.echo(f"    {judged.detail}")
            if keep and judged.verdict in FAULTS:
                _keep(keep, chunk, n, judged)
    for (target, verdict), count in sorted(counts.items()):
        click.echo(f"{target:<16} {count:>8,} {verdict}")
    click.echo(f"{counts.total():,} inputs, seed {seed}, {time.monotonic() - start:.0f} s")
    sys.exit(any(verdict in FAULTS for _, verdict in counts))


def _keep(folder: Path, chunk: Chunk, n: int, judged: Judged) -> None:
    *_, case = (case for case, _ in zip(chunk.cases(), range(n + 1), strict=False))
    place = folder / f"{chunk.target}-{chunk.number}.{n}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "verdict.txt").write_text(f"{case.name}\n{judged.verdict}\n{judged.detail}\n")
    for name, content in case.inputs.items():
        file = place / Path(name).name
        file.write_bytes(content)


if __name__ == "__main__":
    main()
