"""Whole runs on a real Ray: what ends up in the tables."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from deltalake import DeltaTable

from segment_actor.anatomy import load_schema
from tests.support.ct_files import made_hu, nifti
from tests.support.running_job import committed, running_job
from tests.support.tiny_cohort import broken, good_cts, good_dicom, good_zip, write_objects

pytestmark = pytest.mark.ray


def versions(tables: Path) -> dict[str, int]:
    return {
        name: DeltaTable(str(tables / name)).version()
        for name in ("scans", "structures", "failures", "runs")
    }


def test_every_good_ct_is_measured_every_bad_one_fails_with_its_code_and_nothing_is_done_twice(
    model_set: Path, cluster: dict[str, str], tmp_path: Path
) -> None:
    archive, tables = tmp_path / "archive", tmp_path / "tables"

    def segment() -> tuple[int, str]:
        with running_job(str(archive), str(tables), model_set, env=cluster) as job:
            return job.finish()

    bad_objects, bad = broken()
    good = good_cts(range(2)) | good_dicom("series", 1) | good_zip("export", 2)
    write_objects(archive, good | bad_objects)

    code, said = segment()
    rows = committed(str(tables))
    assert code == 1, said
    assert len(rows["scans"]) == 4
    assert len(rows["structures"]) == 4 * len(load_schema("paper104").structures)
    assert sorted(r[2] for r in rows["failures"]) == sorted(b.code.value for b in bad.values())

    before = versions(tables)
    code, said = segment()
    assert (code, versions(tables)) == (0, before)
    assert "0 to do" in said

    write_objects(archive, good_cts([7]))
    code, said = segment()
    assert code == 0, said
    assert "1 to do" in said
    assert len(committed(str(tables))["scans"]) == 5


def test_label_maps_lie_on_the_grid_and_axes_of_each_cts_own_file(
    model_set: Path, cluster: dict[str, str], tmp_path: Path
) -> None:
    affine = np.array([[0, 0, -2.0, 9], [-2.0, 0, 0, 8], [0, 2.0, 0, 7], [0, 0, 0, 1]])  # PSL
    objects = {"ct.nii": nifti(made_hu((20, 24, 22)), affine)} | good_dicom("series", 1)
    archive, tables, labels = (tmp_path / name for name in ("archive", "tables", "labels"))
    write_objects(archive, objects)
    flags = ("--labels", str(labels))
    with running_job(str(archive), str(tables), model_set, *flags, env=cluster) as job:
        code, said = job.finish()
    assert code == 0, said
    images = [nib.Nifti1Image.from_filename(file) for file in labels.iterdir()]
    found = {"".join(nib.aff2axcodes(image.affine)): image for image in images}
    assert set(found) == {"PSL", "LAS"}
    np.testing.assert_array_equal(found["PSL"].affine, affine)
    assert (found["PSL"].shape, found["LAS"].shape) == ((20, 24, 22), (16, 16, 12))
    assert all(np.asarray(image.dataobj).any() for image in images)
