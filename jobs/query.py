"""`ctcohort query`: one question to the tables, in SQL."""

from __future__ import annotations

from pathlib import Path

import click

from jobs.shared.command import Command
from jobs.shared.counting import counting_options, tell_who_counts
from jobs.shared.output import format_option, write_answer
from segment_actor.errors import SetupError
from stats.query import add_file, ask, confine, connect
from stats.sql.who_counts import WhoCounts

_EXAMPLE = """\b
Example:
  ctcohort query --tables demo/tables
    "SELECT sex, count(whole_ml) AS people, avg(whole_ml) AS liver_ml
     FROM one_scan_a_patient WHERE structure = 'liver' GROUP BY sex"
"""


@click.command("query", cls=Command, epilog=_EXAMPLE)
@click.option("--tables", required=True, help="Folder or s3:// prefix of the tables.")
@format_option
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the answer to this file instead of stdout.",
)
@click.option(
    "--file",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="A CSV or Parquet file of yours, as a view of that name. Can be repeated.",
)
@counting_options
@click.argument("sql")
def main(
    tables: str, form: str, out: Path | None, files: tuple[str, ...], who: WhoCounts, sql: str
) -> None:
    """Ask the tables a question in SQL.

    Views: one_scan_a_patient and one_scan_a_study (one row a structure, with age, sex and scanner
    of the scan that shows it best; CTs that failed quality control left out), latest (the same of
    all CTs of the pipeline version that counts), qc_passed (those without a finding), wide and
    wide_hu (one row a CT, a column a structure), latest_scans, studies, versions, failures, runs;
    scans, structures and measurements (all pipeline versions); anatomy, qc_codes, dictionary (what
    each column means, and its unit).

    The question can read these and the files given, and nothing else on the machine.
    """
    own = dict(map(_name_and_file, files))
    with connect(tables, who=who) as database:
        tell_who_counts(database)
        for name, file in own.items():
            add_file(database, name, file)
        confine(database, tables, own)
        write_answer(ask(database, sql), form, out)


def _name_and_file(text: str) -> tuple[str, Path]:
    name, sign, file = text.partition("=")
    if not sign:
        raise SetupError(f"--file {text}: give NAME=FILE")
    return name, Path(file)


if __name__ == "__main__":
    main()
