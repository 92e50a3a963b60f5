"""`ctcohort phantom`: write phantom CTs, their ground truth and a demographics table.

OUT/archive/phantom_00000.nii.gz ...   the CTs: what `ctcohort segment --archive` reads
OUT/archive/demographics.csv           path, age_years, sex
OUT/truth/phantom_00000.nii.gz ...     labels of all 104 structures on the same grids
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click
import nibabel as nib
from isal import igzip
from nibabel import orientations

from jobs.shared.command import Command
from segment_actor.anatomy import load_schema
from segment_actor.phantom.patient import draw_patient
from segment_actor.phantom.scanner import FIELDS_OF_VIEW, draw_protocol, scan_phantom
from segment_actor.volume import Affine, HuArray, LabelArray

SCHEMA = "paper104"

DEMOGRAPHICS_FIELDS = ("path", "age_years", "sex", "contrast_phase", "field_of_view", "seed")


@click.command("phantom", cls=Command)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option("--count", default=12, show_default=True, help="How many CTs.")
@click.option("--seed", default=0, show_default=True, help="Seed of the first; then one more each.")
@click.option(
    "--field-of-view",
    type=click.Choice([*FIELDS_OF_VIEW]),
    help="The same for all; by default each phantom draws its own.",
)
def main(out: Path, count: int, seed: int, field_of_view: str | None) -> int:
    """Write phantom CTs with their ground truth; the same seed gives the same bytes."""
    write_phantoms(out, range(seed, seed + count), field_of_view)
    print(f"{count} phantom CTs in {out / 'archive'}, their truth in {out / 'truth'}.")
    return 0


def write_phantoms(out: Path, seeds: Sequence[int], field_of_view: str | None = None) -> None:
    """Writes one phantom a seed, and the demographics of all.

    Args:
        out: folder; `archive` and `truth` are made in it.
        seeds: one patient and one CT each.
        field_of_view: a key of `FIELDS_OF_VIEW` for all; None lets each draw its own.
    """
    for part in ("archive", "truth"):
        (out / part).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(min(len(seeds), os.cpu_count() or 1)) as pool:
        rows = list(pool.map(partial(_write_phantom, out, field_of_view), seeds))
    with (out / "archive" / "demographics.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, DEMOGRAPHICS_FIELDS)
        writer.writeheader()
        writer.writerows(rows)


def _write_phantom(out: Path, field_of_view: str | None, seed: int) -> dict[str, object]:
    schema = load_schema(SCHEMA)
    patient, protocol = draw_patient(seed), draw_protocol(seed, field_of_view)
    volume, truth = scan_phantom(patient, protocol, schema)
    name = f"phantom_{seed:05d}.nii.gz"
    for folder, voxels in (("archive", volume.hu), ("truth", truth)):
        image = _stored(voxels, volume.affine, protocol.orientation)
        # Level 1: a CT is mostly noise, which no level compresses. mtime 0: same seed, same bytes.
        buffer = io.BytesIO()
        with igzip.IGzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as file:
            file.write(image.to_bytes())
        (out / folder / name).write_bytes(buffer.getvalue())
    return {
        "path": name,
        "age_years": patient.age_years,
        "sex": patient.sex,
        "contrast_phase": patient.phase,
        "field_of_view": protocol.field_of_view,
        "seed": seed,
    }


def _stored(voxels: HuArray | LabelArray, affine: Affine, axis_codes: str) -> nib.Nifti1Image:
    """A NIfTI image whose array runs along these axes, as scanners differ in theirs."""
    turn = orientations.ornt_transform(
        orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(axis_codes)
    )
    image: nib.Nifti1Image = nib.Nifti1Image(voxels, affine).as_reoriented(turn)
    image.header.set_xyzt_units("mm")
    return image


if __name__ == "__main__":
    main()
