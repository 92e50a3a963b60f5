"""`ctcohort measure`: one CT and a label map of it, both NIfTI, without any model or table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import pyarrow as pa

from jobs.shared.command import Command
from jobs.shared.label_map import LabelMap, read_label_map
from jobs.shared.output import format_option, write_answer
from jobs.shared.quality import say_quality
from segment_actor.anatomy import Schema, load_schema, schema_names
from segment_actor.errors import SeriesError, SetupError
from segment_actor.grid.geometry import to_canonical
from segment_actor.grid.same_grid import check_same_grid
from segment_actor.reading.series import read_series
from segment_actor.volume import Volume
from stats.contrast_phase import contrast_phase
from stats.label_map.totalsegmentator import official_statistics
from stats.measure import measure

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("measure", cls=Command)
@click.option("--ct", type=_FILE, required=True, help="The CT, .nii or .nii.gz.")
@click.option("--labels", type=_FILE, required=True, help="Its label map, on the same grid.")
@click.option("--schema", required=True, help=f"One of {', '.join(schema_names())}.")
@click.option(
    "--compat",
    type=click.Choice(["totalsegmentator"]),
    help="Write the numbers that TotalSegmentator --statistics writes, by its rules.",
)
@click.option(
    "--include-incomplete",
    is_flag=True,
    help="With --compat: keep structures near the border, as its option of that name.",
)
@format_option
def main(
    ct: Path,
    labels: Path,
    schema: str,
    compat: str | None,
    include_incomplete: bool,
    form: str,
) -> None:
    """Measure every structure of a label map in its CT, and say whether it is plausible."""
    structures = load_schema(schema)
    scan, label_map = _read(ct), read_label_map(labels, structures, in_ras=True)
    check_same_grid(scan, label_map, ("the CT", "the label map"))
    if compat:
        rows = _official_rows(scan, label_map, structures, include_incomplete=include_incomplete)
    else:
        rows = _rows(scan, label_map, structures)
    write_answer(rows, form, out=None)


def _rows(scan: Volume, label_map: LabelMap, schema: Schema) -> pa.Table:
    measured = measure(scan.hu, label_map.labels, scan.voxel_ml, schema, spacing_mm=scan.spacing_mm)
    say_quality(measured)
    phase = contrast_phase({row.structure: row for row in measured}, agent=None)
    click.echo(f"contrast phase: {phase}", err=True)
    return pa.Table.from_pylist([asdict(row) for row in measured])


def _official_rows(
    scan: Volume, label_map: LabelMap, schema: Schema, *, include_incomplete: bool
) -> pa.Table:
    official = official_statistics(
        scan.hu,
        label_map.labels,
        scan.spacing_mm,
        schema,
        include_incomplete=include_incomplete,
    )
    return pa.Table.from_pylist([{"structure": n, **asdict(s)} for n, s in official.items()])


def _read(file: Path) -> Volume:
    try:
        scan = read_series("nifti", [file.read_bytes()])
    except SeriesError as error:
        raise SetupError(f"{file}: {error.sentence}") from error
    return to_canonical(scan.volume)


if __name__ == "__main__":
    main()
