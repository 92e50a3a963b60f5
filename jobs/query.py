"""`ctcohort query`: one question to the tables, in SQL."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.command import Command
from jobs.output import FORMS, write_answer
from stats.query import ask, connect

_EXAMPLE = """\b
Example:
  ctcohort query --tables demo/tables
    "SELECT sex, count(*) AS n, avg(volume_ml) AS liver_ml FROM latest
     WHERE structure = 'liver' AND status = 'ok' GROUP BY sex"
"""


@click.command("query", cls=Command, epilog=_EXAMPLE)
@click.option("--tables", required=True, help="Folder or s3:// prefix of the tables.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    default="table",
    show_default=True,
    help="How the answer is written.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the answer to this file instead of stdout.",
)
@click.argument("sql")
def main(tables: str, form: str, out: Path | None, sql: str) -> None:
    """Ask the tables a question in SQL.

    Views: scans, structures, failures, runs, measurements (structures with age, sex and scanner),
    latest (measurements, of each CT the newest pipeline version), anatomy, dictionary (what each
    column means, and its unit).
    """
    with connect(tables) as database:
        write_answer(ask(database, sql), form, out)


if __name__ == "__main__":
    main()
