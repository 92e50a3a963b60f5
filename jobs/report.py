"""`ctcohort report`: what ran, what failed, and what the cohort looks like, on one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.report_page.page import render
from jobs.shared.command import Command
from jobs.shared.counting import counting_options, tell_who_counts
from jobs.shared.staging import writing_to
from stats.query import connect
from stats.report.overview import overview
from stats.sql.who_counts import WhoCounts
from stats.study.candidates import Selection
from stats.study.demographics import read_demographics
from stats.study.selection import select_cohort


@click.command("report", cls=Command)
@click.option("--tables", required=True, help="Folder or s3:// prefix of the tables.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The HTML file to write; it loads nothing and can be sent by mail.",
)
@click.option("--title", default="CT cohort report", show_default=True, help="Heading of the page.")
@click.option(
    "--demographics",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV or Parquet with series_key or patient_key, and age_years, sex.",
)
@counting_options
def main(tables: str, out: Path, title: str, demographics: Path | None, who: WhoCounts) -> None:
    """Write a report on the cohort: one HTML file for a meeting, to read, print or send.

    What ran, what failed and why, throughput, quality control, who was measured, volumes and
    densities, and how they change with age. It names no patient, no CT and no path.
    """
    with writing_to(out):  # said now, not after minutes of counting
        next(out.parent.iterdir(), None)
    people = read_demographics(demographics) if demographics else None
    with connect(tables, who=who) as database:
        tell_who_counts(database)
        cohort = select_cohort(database, people, Selection())
        page = render(overview(database, tables, cohort), title)
    with writing_to(out):
        out.write_text(page, encoding="utf-8")
    click.echo(f"{out}: {len(page.encode()) / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
