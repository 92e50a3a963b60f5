"""`ctcohort percentile`: where one patient stands among people of the same sex and similar age."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.shared.command import Command
from jobs.shared.counting import counting_options, only_option, strata, tell_who_counts
from jobs.shared.output import FORMS, write_answer
from stats.query import connect
from stats.sql.who_counts import WhoCounts
from stats.study.percentiles import WINDOW_YEARS, patient_percentiles


@click.command("percentile", cls=Command)
@click.option("--tables", required=True, help="Folder or s3:// prefix of the tables.")
@click.option("--scan", "series_key", required=True, help="series_key of the scan.")
@click.option(
    "--window-years",
    type=click.FloatRange(min=0.0, min_open=True),
    default=WINDOW_YEARS,
    show_default=True,
    help="Compare with people at most so much older or younger.",
)
@only_option
@counting_options
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    help="How it is written; by default as FILE is called, else as a table.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the answer there instead of printing it.",
)
def main(  # noqa: PLR0913, PLR0917 - one argument an option of the command line
    tables: str,
    series_key: str,
    window_years: float,
    only: tuple[str, ...],
    who: WhoCounts,
    form: str | None,
    out: Path | None,
) -> None:
    """Compare each structure of one scan with people of the same sex and similar age."""
    named = out.suffix.removeprefix(".") if out else ""
    with connect(tables, who=who) as database:
        tell_who_counts(database)
        answer = patient_percentiles(database, series_key, window_years, strata(only))
        write_answer(answer, form or (named if named in FORMS else "table"), out)


if __name__ == "__main__":
    main()
