"""The parity report's numbers, the references it reads and the official program it starts."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from jobs.parity_peers.official import find_official, official_labels
from jobs.parity_peers.reference import read_reference
from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError
from segment_actor.models.group import Group
from segment_actor.models.set import ModelSet
from segment_actor.reading.nifti import read_nifti
from segment_actor.volume import LabelArray, Volume
from stats.agreement.two_label_maps import equal_share, structure_agreement
from tests.support.official_model import FAST

SCHEMA = load_schema("total_v2")
SPLEEN, LIVER = SCHEMA.ids["spleen"], SCHEMA.ids["liver"]
AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])
SHAPE = (12, 10, 8)


def halves(of: int) -> LabelArray:
    labels = np.zeros(SHAPE, np.uint8, order="F")
    labels[:of] = LIVER
    return labels


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    hu = np.random.default_rng(0).integers(-1000, 1000, SHAPE).astype(np.int16)
    nib.save(nib.Nifti1Image(hu, AFFINE), tmp_path / "ct.nii.gz")
    return tmp_path / "ct.nii.gz"


@pytest.fixture
def volume(ct: Path) -> Volume:
    return read_nifti(ct.read_bytes())


def save(labels: LabelArray, path: Path, extension: bytes = b"", affine: object = AFFINE) -> Path:
    image = nib.Nifti1Image(labels, affine)
    if extension:
        image.header.extensions.append(nib.nifti1.Nifti1Extension(0, extension))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def test_each_difference_is_ours_minus_theirs(volume: Volume) -> None:
    ours, theirs = halves(6), halves(5)
    theirs[11] = SPLEEN
    liver, spleen = sorted(
        structure_agreement(volume.hu, ours, theirs, 0.02, SCHEMA), key=lambda row: -row.voxels
    )
    hu_of = [float(volume.hu[labels == LIVER].mean()) for labels in (ours, theirs)]
    assert (liver.structure, liver.voxels, liver.voxels_differ) == ("liver", 480, 80)
    assert liver.dice == pytest.approx(2 * 400 / 880)
    assert liver.volume_difference_ml == pytest.approx(80 * 0.02)
    assert liver.volume_difference_percent == pytest.approx(20.0)
    assert liver.hu_difference == pytest.approx(hu_of[0] - hu_of[1])
    assert (spleen.dice, spleen.volume_difference_percent, spleen.hu_difference) == (0, -100, None)
    assert equal_share(ours, theirs) == pytest.approx(10 / 12)


def test_a_reference_is_a_file_a_folder_with_one_or_a_folder_of_masks(
    tmp_path: Path, volume: Volume
) -> None:
    file = save(halves(6), tmp_path / "whole" / "labels.nii.gz")
    save((halves(6) != 0).astype(np.uint8), tmp_path / "masks" / "liver.nii.gz")
    save(np.zeros(SHAPE, np.uint8), tmp_path / "masks" / "spleen.nii")
    for path in (file, file.parent, tmp_path / "masks"):
        found = read_reference(path, volume, SCHEMA)
        np.testing.assert_array_equal(found.labels, halves(6))
    assert np.flatnonzero(found.known).tolist() == sorted([SPLEEN, LIVER])


def test_names_in_the_header_go_before_the_numbers(tmp_path: Path, volume: Volume) -> None:
    names = b'<Label Key="%d" Red="1.0" Alpha="1"><![CDATA[spleen]]></Label>' % LIVER
    found = read_reference(save(halves(6), tmp_path / "l.nii.gz", names), volume, SCHEMA)
    assert np.unique(found.labels).tolist() == [0, SPLEEN]


@pytest.mark.parametrize(
    ("labels", "extension", "affine", "sentence"),
    [
        (halves(6)[:-1], b"", AFFINE, r"is \(11, 10, 8\) voxels, the CT \(12, 10, 8\)"),
        (halves(6), b"", np.diag([2.0, 2.0, 4.0, 1.0]), "their affines differ"),
        (np.where(halves(6), 200, 0).astype(np.uint8), b"", AFFINE, "does not have: 200"),
        (halves(6), b'<Label Key="5"><![CDATA[third_lung]]>', AFFINE, "'third_lung'"),
    ],
    ids=["shape", "affine", "unknown id", "unknown name"],
)
def test_a_reference_that_does_not_fit_is_refused(
    labels: LabelArray, extension: bytes, affine: object, sentence: str, tmp_path: Path,
    volume: Volume,
) -> None:  # fmt: skip
    path = save(labels, tmp_path / "reference.nii.gz", extension, affine)
    with pytest.raises(SetupError, match=sentence):
        read_reference(path, volume, SCHEMA)


def test_a_mask_of_an_unknown_structure_is_refused(tmp_path: Path, volume: Volume) -> None:
    for name in ("liver", "third_lung"):
        save(halves(6), tmp_path / "masks" / f"{name}.nii.gz")
    with pytest.raises(SetupError, match="'third_lung'"):
        read_reference(tmp_path / "masks", volume, SCHEMA)


def official_set(root: Path, dataset: str = FAST.dataset) -> ModelSet:
    folder = root / "results" / dataset / FAST.model
    folder.mkdir(parents=True)
    group = Group(name="all", folder=folder, sha256="")
    return ModelSet(name="fast", schema="total_v2", groups=(group,), licence="CC0")


def program(root: Path, script: str) -> str:
    path = root / "TotalSegmentator"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_official_program_gets_a_home_that_sends_nothing(
    tmp_path: Path, ct: Path, volume: Volume
) -> None:
    says = (
        f"echo $* > {tmp_path}/said; ls $TOTALSEG_HOME_DIR/nnunet/results/*/ >> {tmp_path}/said;"
        "echo One | cat - $TOTALSEG_HOME_DIR/config.json >&2; exit 3"
    )
    official = find_official(program(tmp_path, says), official_set(tmp_path))
    assert official is not None
    with pytest.raises(SetupError, match=r'code 3: {.*"send_usage_stats": false'):
        official_labels(official, ct, volume, SCHEMA, "cpu")
    said = (tmp_path / "said").read_text()
    assert "--fast" in said
    assert FAST.model in said
    assert str(ct) not in said


def test_what_the_official_program_writes_is_read(tmp_path: Path, ct: Path, volume: Volume) -> None:
    labels = save(halves(6), tmp_path / "made.nii.gz")
    official = find_official(program(tmp_path, f'cp {labels} "$4"'), official_set(tmp_path))
    assert official is not None
    np.testing.assert_array_equal(
        official_labels(official, ct, volume, SCHEMA, "cpu").labels, halves(6)
    )


def test_the_official_program_is_not_asked_for_models_it_does_not_know(tmp_path: Path) -> None:
    models = official_set(tmp_path, "Dataset910_PhantomFast")
    assert find_official("auto", models) is None
    with pytest.raises(SetupError, match="does not know the models of set fast"):
        find_official(program(tmp_path, "true"), models)
    with pytest.raises(SetupError, match="no program that can be run"):
        find_official(str(tmp_path / "nowhere"), models)
