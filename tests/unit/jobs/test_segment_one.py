"""`ctcohort segment-one`: what people who know TotalSegmentator's command line try first."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner, Result

from jobs.__main__ import main
from jobs.segment_one_ct import options
from jobs.segment_one_ct.options import FAST, fast_set
from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError
from segment_actor.grid.geometry import to_canonical
from segment_actor.models.set import load_model_set
from segment_actor.reading.nifti import read_nifti
from stats.label_map.totalsegmentator import official_statistics
from stats.measure import measure
from tests.support.ct_files import dicom_files, dicom_slices, made_hu, nifti, zipped
from tests.support.two_grids import write_two_grids

SCHEMA = load_schema("paper104")
LAS = np.array([[-2.0, 0, 0, 9], [0, 3.0, 0, 8], [0, 0, 2.5, 7], [0, 0, 0, 1]])

FOUND = "rib_left_2"
"""What the random weights find in the made CT."""

Run = Callable[..., Result]


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    file = tmp_path / "ct.nii.gz"
    file.write_bytes(gzip.compress(nifti(made_hu((20, 18, 16)), LAS)))
    return file


def opened(file: Path) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_filename(file)


def test_a_folder_gets_a_mask_for_each_structure_equal_to_the_label_map(
    run: Run, ct: Path, tmp_path: Path
) -> None:
    assert run("-i", ct, "-o", tmp_path / "masks").exit_code == 0
    assert run("-i", ct, "-o", tmp_path / "all.nii.gz", "-ml").exit_code == 0
    labels = np.asarray(opened(tmp_path / "all.nii.gz").dataobj)
    assert {f.name for f in (tmp_path / "masks").iterdir()} == {f"{n}.nii.gz" for n in SCHEMA.names}
    for name in ("spleen", FOUND, "liver"):
        mask = opened(tmp_path / "masks" / f"{name}.nii.gz")
        np.testing.assert_array_equal(np.asarray(mask.dataobj), labels == SCHEMA.ids[name])
        np.testing.assert_array_equal(mask.affine, LAS)


def test_a_roi_subset_may_be_a_list_as_upstream(run: Run, ct: Path, tmp_path: Path) -> None:
    done = run("-i", ct, "--roi_subset", "spleen", "kidney_right", "-o", tmp_path / "out", "-q")
    assert (done.exit_code, done.stdout) == (0, "")
    found = {f.name for f in (tmp_path / "out").iterdir()}
    assert found == {"spleen.nii.gz", "kidney_right.nii.gz"}


def test_statistics_are_the_measurement_of_a_cohort_run(run: Run, ct: Path, tmp_path: Path) -> None:
    done = run("-i", ct, "-o", tmp_path / "all.nii.gz", "--ml", "--statistics")
    assert done.exit_code == 0
    assert "contrast phase: unknown (measured, confidence 0.00)" in done.stderr
    volume = to_canonical(read_nifti(ct.read_bytes()))
    image = nib.as_closest_canonical(opened(tmp_path / "all.nii.gz"))
    labels = np.asarray(image.dataobj, np.uint8)
    rows = {r.structure: asdict(r) for r in measure(volume.hu, labels, volume.voxel_ml, SCHEMA)}
    written = json.loads((tmp_path / "statistics.json").read_text())
    assert list(written) == list(SCHEMA.names)
    for column in ("voxel_count", "volume_ml", "hu_mean", "hu_p95", "touches_border", "status"):
        assert written[FOUND][column] == rows[FOUND][column]
    assert written["liver"]["volume_ml"] is None
    with (tmp_path / "statistics.csv").open() as file:
        table = {row["structure"]: row for row in csv.DictReader(file)}
    assert float(table[FOUND]["hu_mean"]) == rows[FOUND]["hu_mean"]
    assert table["liver"]["volume_ml"] == ""


def test_with_statistics_the_verdict_is_said_as_measure_says_it(
    run: Run, ct: Path, tmp_path: Path
) -> None:
    written = run("-i", ct, "-o", tmp_path / "a.nii.gz", "--ml", "-s").stderr
    files = ("--ct", str(ct), "--labels", str(tmp_path / "a.nii.gz"), "--schema", "paper104")
    said = CliRunner().invoke(main, ["measure", *files]).stderr
    assert said.startswith("quality: ")
    assert said.splitlines()[0] in written.splitlines()
    assert "quality: " not in run("-i", ct, "-o", tmp_path / "b.nii.gz", "--ml").stderr


def test_with_compat_statistics_are_those_of_totalsegmentator(
    run: Run, ct: Path, tmp_path: Path
) -> None:
    place = tmp_path / "all.nii.gz"
    done = run("-i", ct, "-o", place, "--ml", "-s", "--compat", "totalsegmentator-2.18")
    assert done.exit_code == 0
    volume, labels = read_nifti(ct.read_bytes()), np.asarray(opened(place).dataobj)
    expected = official_statistics(volume.hu, labels, volume.spacing_mm, SCHEMA)
    written = json.loads((tmp_path / "statistics.json").read_text())
    assert written[FOUND] == pytest.approx(asdict(expected[FOUND]))
    assert not (tmp_path / "statistics.csv").exists()


def test_a_preview_is_drawn(run: Run, ct: Path, tmp_path: Path) -> None:
    assert run("-i", ct, "-o", tmp_path / "out", "-p", "-rs", "spleen").exit_code == 0
    assert (tmp_path / "out" / "preview.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("zip_it", [False, True])
def test_a_dicom_series_gets_masks_of_its_geometry(run: Run, tmp_path: Path, zip_it: bool) -> None:
    files = dicom_files(dicom_slices(made_hu((16, 17, 12))))
    source = tmp_path / ("ct.zip" if zip_it else "series")
    if zip_it:
        source.write_bytes(zipped({f"a/{k}.dcm": data for k, data in enumerate(files)}))
    else:
        (source / "a").mkdir(parents=True)
        for k, data in enumerate(files):
            (source / "a" / f"{k}.dcm").write_bytes(data)
    assert run("-i", source, "-o", tmp_path / "out", "-rs", "kidney_right").exit_code == 0
    mask = opened(tmp_path / "out" / "kidney_right.nii.gz")
    assert (mask.shape, nib.aff2axcodes(mask.affine)) == ((16, 17, 12), ("L", "A", "S"))
    assert np.asarray(mask.dataobj).any()


def two_series() -> dict[str, bytes]:
    """A study of two scans, as files of one folder."""
    files = {}
    for number in (2, 3):
        for k, one in enumerate(dicom_slices(made_hu((16, 17, 12), number))):
            one.SeriesInstanceUID, one.SeriesNumber = f"1.2.{number}", number
            one.SOPInstanceUID, one.AcquisitionNumber = f"1.2.{number}.{k}", number
            files[f"study/{number}_{k}"] = dicom_files([one])[0]
    return files


def tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "pack"), [("ct.zip", zipped), ("ct.tar.gz", tarred)])
def test_of_several_series_the_number_chooses(
    run: Run, tmp_path: Path, name: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    source = tmp_path / name
    source.write_bytes(pack(two_series()))
    which = run("-i", source, "-o", tmp_path / "out", "-rs", "kidney_right")
    assert which.exit_code == 1
    assert "series 2 (12 images); series 3 (12 images)" in which.stderr
    done = run("-i", source, "-o", tmp_path / "out", "-rs", "kidney_right", "--series", 3)
    assert done.exit_code == 0
    assert opened(tmp_path / "out" / "kidney_right.nii.gz").shape == (16, 17, 12)


def test_the_same_ct_gives_the_same_bytes(run: Run, ct: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run("-i", ct, "-o", tmp_path / name / "all.nii.gz", "--ml", "-rs", "spleen")
    first, second = (tmp_path / name / "all.nii.gz" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_a_ct_that_cannot_be_segmented_is_exit_code_1_and_leaves_nothing(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "ct.nii"
    file.write_bytes(nifti(np.zeros((8, 8, 8), np.int16)))
    done = run("-i", file, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "cannot be Hounsfield units" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_no_ct(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("-i", tmp_path / "empty", "-o", tmp_path / "out")
    assert (done.exit_code, "is empty" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-i", "nowhere.nii.gz", "-o", "{tmp}/out"], "nowhere.nii.gz does not exist"),
        (["-i", "{ct}", "-o", "{tmp}/out.nii.gz"], "add --ml for one file"),
        (["-i", "{ct}", "-o", "{tmp}/out", "--ml"], "with --ml the output is one file"),
        (["-i", "{ct}", "-o", "{ct}/out"], "cannot write to"),
        (["-i", "{ct}", "-o", "{tmp}/out", "-rs", "splen"], "did you mean spleen"),
        (["-i", "{ct}", "-o", "{tmp}/out", "-d", "toaster"], "toaster"),
        (["-i", "{ct}", "-o", "{tmp}/out", "--fast"], "--fast knows the model sets embedded"),
    ],
)
def test_bad_set_up_is_one_sentence_and_exit_code_2(
    run: Run, ct: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = run(*(word.format(ct=ct, tmp=tmp_path) for word in arguments))
    assert done.exit_code == 2
    assert says in done.stderr


def test_fast_is_coarser_than_its_family() -> None:
    fine, coarse = load_model_set("embedded"), load_model_set(fast_set("embedded"))
    assert min(coarse.grids[0].spacing_mm) > max(fine.grids[0].spacing_mm)


def test_every_fast_set_is_built_in() -> None:
    sets = Path(options.__file__).parents[2] / "segment_actor" / "models" / "sets"
    assert {*FAST, *FAST.values()} <= {file.stem for file in sets.glob("*.toml")}


def test_a_fast_set_is_fast_already() -> None:
    assert fast_set("total-3mm") == "total-3mm"


def test_a_set_without_a_fast_one_says_so() -> None:
    with pytest.raises(SetupError, match="leave --fast out"):
        fast_set("mine.toml")


def test_one_file_for_each_grid_of_a_set_whose_structures_lie_in_one_another(
    ct: Path, tmp_path: Path
) -> None:
    toml = write_two_grids(tmp_path / "models", margin_mm=4)
    words = [
        "segment-one",
        "--model-set",
        toml,
        "-i",
        ct,
        "-o",
        tmp_path / "all.nii.gz",
        "-ml",
        "-p",
    ]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "preview.png").exists()
    for file, structure in (("all.nii.gz", "liver"), ("all_fine.nii.gz", "aorta")):
        labels = np.asarray(opened(tmp_path / file).dataobj)
        assert set(np.unique(labels)) <= {0, SCHEMA.ids[structure]}
        assert labels.any()
