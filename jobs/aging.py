"""`ctcohort aging`: the paper's aging study on one's own tables."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import click
import pyarrow as pa

from jobs.figures.aging import draw_strongest, draw_structure
from jobs.figures.aging_overview import draw_overview
from jobs.shared.command import Command
from jobs.shared.counting import counting_options, only_option, strata, tell_who_counts
from jobs.shared.output import FORMS
from jobs.shared.staging import staged, writing_to
from segment_actor.errors import SetupError
from stats.query import connect
from stats.report.cohort import AgeBin, ages
from stats.sql.who_counts import WhoCounts
from stats.study.aging import (
    AGING,
    REFERENCE,
    Question,
    Studied,
    run_study,
    structure_flow,
    three_strongest,
)
from stats.study.candidates import FlowStep, Selection
from stats.study.demographics import read_demographics
from stats.study.exclusions import Measure
from stats.study.selection import (
    MIN_SCANS,
    Cohort,
    Stratum,
    select_cohort,
)
from stats.study.tests_of_age import ALPHA, FAMILY_ALPHA, Row

log = logging.getLogger(__name__)

_EPILOG = """\b
Writes:
  OUT/aging.parquet, aging.csv   one row a structure and measure: every test and its p-value
  OUT/reference.parquet, .csv    percentiles of volume and density by age and sex
  OUT/flow.csv                   who was left out, and why
  OUT/people.csv                 the patients studied, by sex and five years of age
  OUT/unmatched.csv              keys without a partner, if --demographics is given
  OUT/figures/                   overview.png, strongest.png, structures/NAME.png
"""

_STRATA: dict[str, tuple[Stratum, ...]] = {
    "all": ("all",), "M": ("M",), "F": ("F",), "both-as-strata": ("M", "F"),
}  # fmt: skip


@click.command("aging", cls=Command, epilog=_EPILOG)
@click.option("--tables", required=True, help="Folder or s3:// prefix of the tables.")
@click.option(
    "--demographics",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV or Parquet with series_key or patient_key, and age_years, sex or others.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for tables and figures.",
)
@click.option(
    "--sex",
    type=click.Choice(list(_STRATA)),
    default="all",
    show_default=True,
    help="Study all together, one sex, or each by itself.",
)
@click.option(
    "--adjust",
    multiple=True,
    metavar="COLUMN",
    help="Correct for this column of scans or of the demographics; several times for several.",
)
@click.option(
    "--complete",
    multiple=True,
    metavar="STRUCTURE",
    help="Leave out scans that do not show this structure as a whole, e.g. brain; repeatable.",
)
@only_option
@counting_options
@click.option(
    "--keep-truncated",
    is_flag=True,
    help="Count volumes of structures that the field of view cuts, as the paper does.",
)
@click.option(
    "--alpha",
    default=ALPHA,
    show_default=True,
    help="A p-value below it is significant, if it also is below 0.05 after Bonferroni.",
)
@click.option(
    "--figures",
    type=click.Choice(["all", "overview", "none"]),
    default="all",
    show_default=True,
    help="Which pictures to draw; `all` has a page for each structure, a second each.",
)
def main(  # noqa: PLR0913, PLR0917 - one argument an option of the command line
    tables: str,
    demographics: Path | None,
    out: Path,
    sex: str,
    adjust: tuple[str, ...],
    complete: tuple[str, ...],
    only: tuple[str, ...],
    who: WhoCounts,
    keep_truncated: bool,
    alpha: float,
    figures: str,
) -> None:
    """Study how the volume and density of each structure change with age."""
    people = read_demographics(demographics) if demographics else None
    sexes = _STRATA[sex]
    selection = Selection([s for s in sexes if s != "all"], complete, adjust, strata(only))
    # The folder is made first: minutes of counting are not lost to a wrong one.
    with staged(out) as folder, connect(tables, who=who) as database, writing_to(out):
        tell_who_counts(database)
        cohort = select_cohort(database, people, selection)
        _tell_who(cohort)
        _write_who(cohort, folder)
        _write_people(ages(database, cohort.candidates_table), folder)
        rows = []
        if cohort.patients >= MIN_SCANS:
            study = run_study(database, cohort, Question(sexes, alpha, keep_truncated))
            rows = _write_study(study, cohort, folder, figures, sexes)
    _check_size(cohort)  # last: who was left out is written in any case
    found = sum(bool(row["significant"]) for row in rows)
    click.echo(
        f"{len(rows)} rows in {out / 'aging.csv'}; age groups differ in {found} of them "
        f"(Kruskal-Wallis, p < {alpha:g}, and below {FAMILY_ALPHA:g} after Bonferroni)."
    )


def _tell_who(cohort: Cohort) -> None:
    """Prints the flow, and names what did not match."""
    _show(cohort.flow)
    for side, keys in cohort.unmatched.items():
        if keys:
            log.warning(
                "%d keys of %s have no partner: %s%s",
                len(keys), side, ", ".join(keys[:3]), ", ..." if len(keys) > 3 else "",
            )  # fmt: skip


def _write_who(cohort: Cohort, out: Path) -> None:
    _write_flow(cohort.flow, out)
    if cohort.unmatched:
        unmatched = [
            {"side": side, "key": key} for side, keys in cohort.unmatched.items() for key in keys
        ]
        schema = pa.schema([("side", pa.string()), ("key", pa.string())])
        table = pa.Table.from_pylist(unmatched, schema=schema)
        (out / "unmatched.csv").write_bytes(FORMS["csv"](table))


def _write_people(bins: Sequence[AgeBin], out: Path) -> None:
    """The ages and sexes of the patients studied, as in the paper's Figure S2."""
    counts = {
        sex: sum(getattr(of_age, sex) for of_age in bins) for sex in ("men", "women", "others")
    }
    schema = pa.schema([(column.name, pa.int64()) for column in fields(AgeBin)])
    table = pa.Table.from_pylist([asdict(b) for b in bins], schema=schema)
    (out / "people.csv").write_bytes(FORMS["csv"](table))
    click.echo("Studied: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()) + ".")


def _write_flow(steps: list[FlowStep], out: Path) -> None:
    (out / "flow.csv").write_bytes(FORMS["csv"](_table(steps)))


def _show(steps: list[FlowStep]) -> None:
    click.echo(FORMS["table"](_table(steps)).decode())


def _table(steps: list[FlowStep]) -> pa.Table:
    return pa.Table.from_pylist([asdict(step) for step in steps])


def _check_size(cohort: Cohort) -> None:
    n = cohort.patients
    if n < MIN_SCANS:
        raise SetupError(
            f"only {n} patients are left for the study and {MIN_SCANS} are needed: see the flow "
            "above for what was left out"
        )


def _write_study(
    study: Iterable[Studied], cohort: Cohort, out: Path, figures: str, sexes: Sequence[Stratum]
) -> list[Row]:
    """Draws each structure while it is in memory, and writes the tables at the end."""
    rows: list[Row] = []
    reference: list[Row] = []
    strongest: dict[Stratum, list[tuple[Studied, Measure]]] = {sex: [] for sex in sexes}
    for studied in study:
        rows += studied.rows
        reference += studied.reference
        for sex in sexes:
            strongest[sex] = three_strongest(strongest[sex], studied, sex)
            if figures == "all":
                name = studied.structure if len(sexes) == 1 else f"{studied.structure}_{sex}"
                path = out / "figures" / "structures" / f"{name}.png"
                draw_structure(cohort, studied, sex, path)
    structures = structure_flow(rows)
    _write_flow([*cohort.flow, *structures], out)
    _show(structures)
    _write(pa.Table.from_pylist(rows, schema=AGING), out / "aging")
    _write(pa.Table.from_pylist(reference, schema=REFERENCE), out / "reference")
    if figures != "none":
        for sex in sexes:
            _draw_all(rows, cohort, strongest[sex], sex, out / "figures")
    return rows


def _draw_all(
    rows: list[Row],
    cohort: Cohort,
    strongest: list[tuple[Studied, Measure]],
    sex: Stratum,
    folder: Path,
) -> None:
    ending = "" if sex == "all" else f"_{sex}"
    who = {"all": "patients", "M": "men", "F": "women"}[sex]
    n = int((cohort.stands & (cohort.of(sex))).sum())
    mine = [row for row in rows if row["sex"] == sex]
    title = f"How structures change with age: {n:,} {who}"
    draw_overview(mine, title, folder / f"overview{ending}.png")
    if strongest:
        draw_strongest(cohort, strongest, sex, folder / f"strongest{ending}.png")


def _write(table: pa.Table, stem: Path) -> None:
    stem.with_suffix(".parquet").write_bytes(FORMS["parquet"](table))
    stem.with_suffix(".csv").write_bytes(FORMS["csv"](table))


if __name__ == "__main__":
    main()
