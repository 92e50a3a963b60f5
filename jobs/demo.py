"""`ctcohort demo`: the whole way on a laptop, from CTs in a folder to an answer in SQL.

phantoms -> index -> segment on Ray -> tables -> agreement with the truth, SQL, two pictures

OUT/archive   the CTs                     OUT/tables        the Delta tables
OUT/truth     their true label maps       OUT/labels        the label maps of the run
OUT/overview.png, OUT/aging.png           OUT/agreement.csv Dice and volume error by structure
OUT/index, OUT/site_secret                which key is which CT; stays at home
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from jobs.archive.grouping.series import Series
from jobs.archive.keys import key_maker
from jobs.archive.refresh import refreshed_index
from jobs.figures.pictures import draw_ct_overview, draw_measures_by_age
from jobs.phantom import write_phantoms
from jobs.segment import run
from jobs.segment_run.config import SegmentConfig
from jobs.shared.command import Command
from jobs.shared.label_map import read_label_map
from jobs.shared.output import FORMS, frame_csv
from jobs.shared.phantom_score import agreement_by_group, score_phantoms
from segment_actor.anatomy import Schema, load_schema
from segment_actor.grid.geometry import to_canonical
from segment_actor.models.set import load_model_set
from segment_actor.reading.nifti import read_nifti
from stats.query import ask, connect

FIRST_SEED = 268
"""The twelve phantoms from here on are small as cohorts go: one trunk, no whole body. Four minutes
on two cores are enough for them; `--seed 0` takes longer."""

QUESTION = """
SELECT structure,
       count(*) AS people,
       round(avg(whole_ml), 1) AS mean_ml,
       round(avg(usable_hu), 1) AS mean_hu,
       round(corr(age_years, whole_ml), 2) AS volume_with_age,
       round(corr(age_years, usable_hu), 2) AS hu_with_age
FROM one_scan_a_patient
WHERE whole_ml IS NOT NULL AND structure IN
      ('clavicula_right', 'kidney_right', 'liver', 'pancreas', 'vertebrae_L4', 'vertebrae_T10')
GROUP BY structure HAVING count(*) >= 4 ORDER BY structure
"""
"""How do volume and density change with age? Only of what is whole and did not fail."""


@click.command("demo", cls=Command)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option("--count", default=12, show_default=True, help="How many phantom CTs.")
@click.option("--seed", default=FIRST_SEED, show_default=True, help="Seed of the first phantom.")
@click.option("--model-set", default="embedded", show_default=True, help="Name or TOML file.")
def main(out: Path, count: int, seed: int, model_set: str) -> int:
    """Make a phantom archive, segment it, ask it a question: the whole way in minutes."""
    begun = time.monotonic()
    models = load_model_set(model_set)
    schema = load_schema(models.schema)
    print(f"1/4  {count} phantom CTs with known truth -> {out / 'archive'}")
    write_phantoms(out, range(seed, seed + count))
    series = refreshed_index(
        str(out / "archive"), str(out / "index"), keys=key_maker(None, out / "site_secret")
    ).series()
    print(f"2/4  {len(models.groups)} class group(s) on Ray -> {out / 'tables'}")
    code = run(
        SegmentConfig(
            index=str(out / "index"),
            tables=str(out / "tables"),
            labels=str(out / "labels"),
            model_set=model_set,
        )
    )
    print("3/4  agreement with the truth\n")
    _print_agreement(out, series, schema)
    print(f'4/4  a question:  ctcohort query --tables {out / "tables"} "..."\n{QUESTION}')
    _answer_and_draw(out, series, schema)
    print(f"\nPictures: {out / 'overview.png'}, {out / 'aging.png'}")
    print(f"Done in {time.monotonic() - begun:.0f} s. {models.warning}")
    return code


def _print_agreement(out: Path, series: Sequence[Series], schema: Schema) -> None:
    found = score_phantoms(series, out / "truth", out / "labels", str(out / "tables"), schema)
    (out / "agreement.csv").write_bytes(frame_csv(found))
    print(agreement_by_group(found).to_string(float_format="{:.3f}".format), "\n")


def _answer_and_draw(out: Path, series: Sequence[Series], schema: Schema) -> None:
    with connect(str(out / "tables")) as database:
        print(FORMS["table"](ask(database, QUESTION)).decode())
        measured = database.sql(
            "SELECT structure, age_years, volume_ml, hu_mean, status FROM one_scan_a_patient "
            "WHERE whole_ml IS NOT NULL"
        ).df()
        shown = database.execute(
            "SELECT series_key FROM scans ORDER BY structures_measured DESC, series_key LIMIT 1"
        ).fetchone()
    draw_measures_by_age(
        measured, f"{len(series)} phantoms: volume and density against age", out / "aging.png"
    )
    if shown is None:  # nothing could be measured; the failures say why
        return
    one = next(s for s in series if s.series_key == shown[0])
    volume = to_canonical(read_nifti((out / "archive" / one.path).read_bytes()))
    file = out / "labels" / f"{one.series_key}.nii.gz"
    labels = read_label_map(file, schema, in_ras=True).labels
    draw_ct_overview(
        volume, labels, "A phantom CT, segmented by the embedded models", out / "overview.png"
    )


if __name__ == "__main__":
    main()
