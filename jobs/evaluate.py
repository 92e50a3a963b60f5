"""`ctcohort evaluate`: predicted label maps against true ones, structure by structure."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path

import click
import pandas as pd

from jobs.figures.evaluation import draw_all
from jobs.shared.command import Command
from jobs.shared.label_map import read_label_map
from jobs.shared.label_pairs import Cases, match_cases
from jobs.shared.output import frame_csv
from jobs.shared.staging import staged, writing_to
from segment_actor.anatomy import Schema, load_schema, schema_names
from segment_actor.errors import SetupError
from segment_actor.grid.same_grid import check_same_grid
from stats.agreement.evaluation import (
    AGAINST,
    ComparisonSettings,
    common_structures,
    compare_case,
    evaluate_structures,
    summarize,
    with_second_prediction,
)
from stats.agreement.surface import TOLERANCE_MM

log = logging.getLogger(__name__)

FOLDERS = ("truth", "predicted", "against")
"""Options that name a folder, in the order in which cases are matched."""

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

_EPILOG = """\b
Writes:
  OUT/evaluation.csv   one row a structure: Dice, NSD and volumes over all cases
  OUT/summary.csv      all structures together
  OUT/cases.parquet    one row a case and structure
  OUT/unmatched.csv    files without a partner
  OUT/figures/         agreement.png, agreement_by_kind.png, volumes.png, bland_altman.pdf
"""


@click.command("evaluate", cls=Command, epilog=_EPILOG)
@click.option("--truth", type=_FOLDER, required=True, help="Folder of reference label maps.")
@click.option("--predicted", type=_FOLDER, required=True, help="Folder of files of the same names.")
@click.option("--against", type=_FOLDER, help="Folder of another model's, to test against.")
@click.option("--schema", required=True, help=f"One of {', '.join(schema_names())}.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for tables and figures.",
)
@click.option(
    "--tolerance-mm",
    type=click.FloatRange(min=0, min_open=True),
    default=TOLERANCE_MM,
    show_default=True,
    help="Of the normalized surface distance.",
)
@click.option("--structures", help="Only these: names with commas, or a file with one name a line.")
@click.option("--common", is_flag=True, help="Only structures that --against has, too.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Threads.")
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
def main(  # noqa: PLR0913, PLR0917 - one argument an option of the command line
    truth: Path,
    predicted: Path,
    against: Path | None,
    schema: str,
    out: Path,
    tolerance_mm: float,
    structures: str | None,
    common: bool,
    workers: int,
    seed: int,
) -> None:
    """Compare predicted label maps with true ones: Dice, surface distance and volumes."""
    if common and against is None:
        raise SetupError("--common asks which structures --against has: give --against, too")
    settings = ComparisonSettings(load_schema(schema), tolerance_mm)
    wanted = _structures(structures, settings.schema)
    cases = match_cases(*(folder for folder in (truth, predicted, against) if folder))
    _warn_of_unmatched(cases)
    with staged(out) as scratch:  # made first: hours of comparing are not lost to a wrong folder
        rows = pd.concat(_rows_of_cases(cases, settings, workers), ignore_index=True)
        if common:
            wanted = [name for name in common_structures(rows) if name in wanted]
        rows = rows[rows["structure"].isin(wanted)]
        if not (rows["truth_ml"] > 0).any():
            raise SetupError(
                f"no true label map shows any of the {len(wanted)} structures asked for"
            )
        table, summary = evaluate_structures(rows, wanted, seed), summarize(rows, wanted, seed)
        with writing_to(out):
            (scratch / "unmatched.csv").write_bytes(frame_csv(_unmatched(cases)))
            rows.to_parquet(scratch / "cases.parquet", index=False)
            (scratch / "evaluation.csv").write_bytes(frame_csv(table))
            (scratch / "summary.csv").write_bytes(frame_csv(summary))
            draw_all(rows, table, settings, scratch / "figures")
    print(_sentence(summary, settings), f"Tables and figures: {out}", sep="\n")


def _structures(asked: str | None, schema: Schema) -> list[str]:
    """Names of structures, in the order of the schema."""
    if asked is None:
        return list(schema.names)
    file = Path(asked)
    is_file = file.is_file()
    text = file.read_text("utf-8", errors="replace") if is_file else asked.replace(",", "\n")
    names = {name.strip() for name in text.splitlines()} - {""}
    unknown = sorted(names - set(schema.names))
    if unknown or not names:
        raise SetupError(
            f"--structures: {', '.join(unknown[:5]) or 'no name'} is not in schema {schema.name}; "
            "give its names with commas between, or a file with one name a line"
        )
    return [name for name in schema.names if name in names]


def _unmatched(cases: Cases) -> pd.DataFrame:
    """One row a file without a partner: folder (of `FOLDERS`), name."""
    rows = [
        (folder, name)
        for folder, names in zip(FOLDERS, cases.unmatched, strict=False)
        for name in names
    ]
    return pd.DataFrame(rows, columns=["folder", "name"])


def _warn_of_unmatched(cases: Cases) -> None:
    """Names the files without a partner: they count neither as good nor as bad."""
    for folder, names in zip(FOLDERS, cases.unmatched, strict=False):
        if names:
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            log.warning(
                "without a partner and not counted: %d of --%s (%s). To count a case as missed, "
                "give it a prediction of zeros.", len(names), folder, shown,
            )  # fmt: skip


def _rows_of_cases(
    cases: Cases, settings: ComparisonSettings, workers: int
) -> Iterator[pd.DataFrame]:
    """Case by case: as many are in memory as there are workers."""
    total = len(cases.names)
    with ThreadPoolExecutor(workers) as pool:  # reading and counting both leave the GIL
        compared = pool.map(lambda name: _rows_of_case(name, cases, settings), cases.names)
        for n, rows in enumerate(compared, start=1):
            if n % max(1, total // 10) == 0 or n == total:
                log.info("%d of %d cases", n, total)
            yield rows


def _rows_of_case(name: str, cases: Cases, settings: ComparisonSettings) -> pd.DataFrame:
    true_file, *files = (folder[name] for folder in cases.files)
    truth = read_label_map(true_file, settings.schema)
    compared = []
    for file in files:
        predicted = read_label_map(file, settings.schema)
        check_same_grid(predicted, truth, (str(file), "its truth"), "bring both to one grid first")
        compared.append(
            compare_case(name, truth.labels, predicted.labels, truth.spacing_mm, settings)
        )
    return reduce(with_second_prediction, compared)


def _sentence(summary: pd.DataFrame, settings: ComparisonSettings) -> str:
    """The result as papers print it."""
    first = summary[summary["mean_over"] == "cases"].set_index("measure")
    names = {"dice": "Dice", "nsd": f"NSD at {settings.tolerance_mm:g} mm"}
    cases, structures = first["n_cases"].iloc[0], first["n_structures"].iloc[0]
    head = f"{cases} {'case' if cases == 1 else 'cases'}, {structures} structures: "
    return head + ", ".join(f"{names[m]} {_with_interval(first.loc[m])}" for m in names)


def _with_interval(row: pd.Series) -> str:
    text = f"{row['mean']:.3f}"
    if pd.notna(row["ci_low"]):
        text += f" (95% CI [{row['ci_low']:.3f}, {row['ci_high']:.3f}])"
    if f"mean{AGAINST}" in row:
        text += f" versus {row[f'mean{AGAINST}']:.3f}"
        p = row["wilcoxon_p"]
        text += "" if pd.isna(p) else f" (p = {p:.2g})" if p > 0 else " (p < 1e-300)"
    return text


if __name__ == "__main__":
    main()
