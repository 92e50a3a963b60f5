"""`ctcohort table`: care of the tables."""

from __future__ import annotations

import logging

import click

from jobs.shared.command import Command
from stats.compaction import KEEP_HOURS, compact, refresh_wide, vacuum
from stats.tables.storage import CommitConflict

log = logging.getLogger(__name__)


@click.group("table")
def main() -> None:
    """Care of the tables: what makes questions quick, and what frees space."""


@main.command("compact", cls=Command)
@click.option("--tables", required=True, help="Folder or s3:// prefix of the tables.")
@click.option(
    "--vacuum",
    "free_space",
    is_flag=True,
    help=f"Also delete files that no table has needed for {KEEP_HOURS // 24} days.",
)
def compact_tables(tables: str, free_space: bool) -> None:
    """Sort the tables into few large files, and bring the wide table up to date.

    After every night, or when questions become slow. No row changes, and a run that writes
    meanwhile is not disturbed. Of two compactions at the same time the later one is refused.
    """
    try:
        for done in compact(tables):
            click.echo(
                f"{done.table} {done.partition}: {done.rows:,} rows, "
                f"{done.files_before} -> {done.files_after} files"
            )
        click.echo(f"wide: {refresh_wide(tables):,} new scans")
    except CommitConflict as error:
        raise CommitConflict(
            f"another compaction or a starting run was at work on {tables}; nothing is lost or "
            "doubled: try again when it is done"
        ) from error
    if free_space:
        click.echo(f"vacuum: {vacuum(tables):,} files deleted")


if __name__ == "__main__":
    main()
