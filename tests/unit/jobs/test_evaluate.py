"""`ctcohort evaluate` on small label maps: its files, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from jobs.evaluate import main
from segment_actor.anatomy import load_schema

IDS = load_schema("paper104").ids


def write(
    file: Path, shift: int = 0, *, spacing_mm: float = 1.5, label: int = IDS["liver"]
) -> None:
    labels = np.zeros((14, 12, 10), np.uint8)
    labels[2 + shift : 8 + shift, 2:8, 2:8] = label
    labels[9:12, 8:11, 3:6] = IDS["spleen"]
    file.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(labels, np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])), file)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for n in range(2):
        write(tmp_path / "truth" / f"ct{n}.nii.gz")
        write(tmp_path / "predicted" / f"ct{n}.nii", shift=n)
        write(tmp_path / "against" / f"ct{n}.nii.gz", shift=2 * n)
    return tmp_path


def run(folder: Path, *more: str) -> Result:
    where = [f"--{name}={folder / name}" for name in ("truth", "predicted", "out")]
    return CliRunner().invoke(main, [*where, "--schema", "paper104", *more])


def refused(folder: Path, *more: str) -> str:
    done = run(folder, *more)
    assert done.exit_code == 2
    *progress, sentence = done.stderr.splitlines()
    assert all(line.endswith("of 2 cases") for line in progress)
    return sentence


def test_all_files_are_written_and_files_of_one_name_compared(folders: Path) -> None:
    done = run(folders)
    assert (done.exit_code, done.stdout.startswith("2 cases, 2 structures: Dice 0.9")) == (0, True)
    table = pd.read_csv(folders / "out" / "evaluation.csv").set_index("structure")
    assert table.loc["liver", "dice_mean"] == pytest.approx((1 + 5 / 6) / 2)
    assert (table.loc["liver", "n"], table.loc["aorta", "n"], len(table)) == (2, 0, 104)
    assert len(pd.read_parquet(folders / "out" / "cases.parquet")) == 2 * 104
    figures = {file.name for file in (folders / "out" / "figures").iterdir()}
    assert figures == {
        "agreement.png", "agreement_by_kind.png", "volumes.png", "bland_altman.pdf"
    }  # fmt: skip


def test_several_workers_and_a_second_run_write_the_same_bytes(folders: Path) -> None:
    run(folders, "--structures=liver,spleen")
    once = (folders / "out" / "evaluation.csv").read_bytes()
    run(folders, "--structures=liver,spleen", "--workers=2")
    assert (folders / "out" / "evaluation.csv").read_bytes() == once


def test_two_models_are_compared_on_structures_asked_for(folders: Path) -> None:
    done = run(folders, f"--against={folders / 'against'}", "--common", "--structures=liver,colon")
    assert done.exit_code == 0
    assert "versus" in done.stdout
    table = pd.read_csv(folders / "out" / "evaluation.csv")
    assert list(table["structure"]) == ["liver"]
    assert table["dice_mean"][0] > table["dice_mean_against"][0]
    assert table["dice_wilcoxon_reason"][0].startswith("1 of 2 pairs differ")


def test_structures_may_stand_in_a_file(folders: Path) -> None:
    (folders / "names.txt").write_text("spleen\n\nliver\n")
    run(folders, f"--structures={folders / 'names.txt'}")
    assert set(pd.read_csv(folders / "out" / "evaluation.csv")["structure"]) == {"liver", "spleen"}


def test_files_without_a_partner_are_named_and_do_not_count(folders: Path) -> None:
    write(folders / "truth" / "lonely.nii.gz")
    done = run(folders, "--structures=liver,spleen")
    assert "not counted: 1 of --truth (lonely)" in done.stderr
    assert done.stdout.startswith("2 cases")
    assert (folders / "out" / "unmatched.csv").read_text() == "folder,name\ntruth,lonely\n"


def test_a_prediction_of_another_shape_is_refused_by_name(folders: Path) -> None:
    nib.save(
        nib.Nifti1Image(np.zeros((5, 5, 5), np.uint8), np.eye(4)), folders / "predicted/ct1.nii"
    )
    assert "ct1.nii is (5, 5, 5) voxels, its truth (14, 12, 10); bring" in refused(folders)


def test_a_prediction_at_another_place_is_refused_by_name(folders: Path) -> None:
    write(folders / "predicted" / "ct1.nii", spacing_mm=1.6)
    assert "ct1.nii and its truth lie at different places" in refused(folders)


def test_values_outside_the_schema_are_refused_by_name(folders: Path) -> None:
    write(folders / "predicted" / "ct0.nii", label=117)
    assert "ct0.nii has the values 117, which are no labels of paper104" in refused(folders)


def test_folders_without_a_common_name_are_refused(folders: Path) -> None:
    for file in (folders / "predicted").iterdir():
        file.rename(file.with_name(f"pred_{file.name}"))
    assert "a prediction must be named like its truth" in refused(folders)


def test_an_unknown_structure_is_refused(folders: Path) -> None:
    assert "livr is not in schema paper104" in refused(folders, "--structures=livr")


def test_common_without_a_second_set_is_refused(folders: Path) -> None:
    assert "give --against" in refused(folders, "--common")


def test_two_files_of_one_case_are_refused(folders: Path) -> None:
    write(folders / "truth" / "ct0.nii")
    assert "both ct0.nii and ct0.nii.gz" in refused(folders)


def test_a_truth_that_shows_nothing_asked_for_is_refused(folders: Path) -> None:
    assert "no true label map shows any of the 1 structures" in refused(
        folders, "--structures=brain"
    )


def test_a_damaged_file_is_refused_by_name(folders: Path) -> None:
    (folders / "predicted" / "ct1.nii").write_bytes(b"no image")
    assert "ct1.nii:" in refused(folders)


def test_after_an_error_there_is_no_file_and_no_folder(folders: Path) -> None:
    (folders / "predicted" / "ct1.nii").write_bytes(b"no image")
    run(folders)
    assert not (folders / "out").exists()


def test_a_folder_that_cannot_be_made_is_refused_before_a_case_is_read(folders: Path) -> None:
    (folders / "out").write_text("in the way")
    done = run(folders, f"--out={folders / 'out' / 'here'}")
    assert (done.exit_code, "1 of 2 cases" in done.stderr) == (2, False)
    assert "cannot write to" in done.stderr


def test_rounding_of_the_spacing_does_not_push_two_voxels_beyond_3_mm(folders: Path) -> None:
    for name in ("truth/ct1.nii.gz", "predicted/ct1.nii", "truth/ct0.nii.gz", "predicted/ct0.nii"):
        write(folders / name, shift=2 * name.startswith("predicted"), spacing_mm=1.5000001)
    run(folders, "--structures=liver")
    assert pd.read_csv(folders / "out" / "evaluation.csv")["nsd_mean"][0] == 1.0
