"""A set on two grids in a cohort run: the same rows as one CT alone, a label map a grid."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner

from jobs.__main__ import main
from segment_actor.anatomy import load_schema
from stats.query import connect
from tests.support.running_job import running_job
from tests.support.tiny_cohort import good_cts, write_objects
from tests.support.two_grids import write_two_grids

pytestmark = pytest.mark.ray

SCHEMA = load_schema("paper104")


def test_a_cohort_run_measures_both_grids_as_one_ct_alone(
    cluster: dict[str, str], tmp_path: Path
) -> None:
    model_set = write_two_grids(tmp_path / "models", margin_mm=4)
    archive = write_objects(tmp_path / "archive", good_cts([3], shape=(30, 32, 34)))
    tables, maps = tmp_path / "tables", tmp_path / "maps"
    flags = ("--labels", str(maps))
    with running_job(str(archive), str(tables), model_set, *flags, env=cluster) as job:
        code, said = job.finish()
    assert code == 0, said
    sql = "SELECT structure, voxel_count, hu_mean FROM structures WHERE voxel_count > 0"
    with connect(str(tables)) as database:
        rows = database.sql(f"{sql} ORDER BY structure").fetchall()
    assert [row[0] for row in rows] == ["aorta", "liver"]

    alone = tmp_path / "alone"
    words = [
        "segment-one",
        "--model-set",
        model_set,
        "-i",
        archive / "ct003.nii.gz",
        "-o",
        alone,
        "-s",
    ]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    with (alone / "statistics.csv").open() as file:
        found = [row for row in csv.DictReader(file) if row["voxel_count"] != "0"]
    alone_rows = [(r["structure"], int(r["voxel_count"]), float(r["hu_mean"])) for r in found]
    assert sorted(alone_rows) == rows

    files = {file.name.partition(".")[2]: file for file in maps.iterdir()}
    assert files.keys() == {"nii.gz", "fine.nii.gz"}
    for ending, structure in (("nii.gz", "liver"), ("fine.nii.gz", "aorta")):
        labels = np.asarray(nib.Nifti1Image.from_filename(files[ending]).dataobj)
        mask = np.asarray(nib.Nifti1Image.from_filename(alone / f"{structure}.nii.gz").dataobj)
        np.testing.assert_array_equal(labels == SCHEMA.ids[structure], mask == 1)
