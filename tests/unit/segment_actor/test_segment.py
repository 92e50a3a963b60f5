"""One CT: which models run, in which order, and what comes back to a notebook."""

from __future__ import annotations

import threading
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segment_actor.anatomy import load_schema
from segment_actor.errors import SeriesError, SetupError
from segment_actor.execution import Execution
from segment_actor.grid.geometry import to_canonical
from segment_actor.grid.resampling import nearest_index
from segment_actor.layers import paint, resample_whole
from segment_actor.models.group import Group
from segment_actor.models.set import ModelSet, load_model_set
from segment_actor.reading.series import read_series
from segment_actor.segment import OneAhead, group_loader, needed_for, segment_image, segment_scan
from segment_actor.segmenter import GroupSegmenter
from segment_actor.volume import HuArray, LabelArray
from tests.support.ct_files import made_hu
from tests.support.tiny_cohort import write_tiny_model_set

SCHEMA = load_schema("paper104")
LPI = np.array([[-2.0, 0, 0, 9], [0, -3.0, 0, 8], [0, 0, -2.5, 7], [0, 0, 0, 1]])
SHAPE = (20, 18, 16)


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model_set(tmp_path_factory.mktemp("models"), ("organs", "ribs"))


@pytest.fixture(scope="module")
def models(toml: Path) -> ModelSet:
    return load_model_set(toml)


def ct() -> nib.Nifti1Image:
    return nib.Nifti1Image(made_hu(SHAPE), LPI)


def test_a_notebook_gets_the_labels_of_the_engine_on_the_images_own_axes(
    toml: Path, models: ModelSet
) -> None:
    found = segment_image(ct(), str(toml))
    volume = to_canonical(read_series("nifti", [ct().to_bytes()]).volume)
    (hu,) = resample_whole(volume, models.grids, models.way)
    labels = paint([GroupSegmenter(g, SCHEMA, models.way).segment(hu) for g in models.groups])
    index = (nearest_index(n, m) for n, m in zip(volume.shape, labels.shape, strict=True))
    expected = labels[np.ix_(*index)][::-1, ::-1, ::-1]
    np.testing.assert_array_equal(np.asarray(found.dataobj), expected)
    np.testing.assert_array_equal(found.affine, LPI)
    assert len(np.unique(expected)) > 1


def test_of_a_roi_subset_nothing_else_is_labelled_or_named(toml: Path) -> None:
    found = segment_image(ct(), str(toml), roi_subset=["kidney_right"])
    assert set(np.unique(np.asarray(found.dataobj))) == {0, SCHEMA.ids["kidney_right"]}
    names = found.header.extensions[0].get_content()
    assert b"kidney_right" in names
    assert b"spleen" not in names


def test_only_the_models_that_have_the_structures_run(models: ModelSet) -> None:
    names = [g.name for g in needed_for(models, SCHEMA, ["rib_left_1"]).groups]
    assert names == ["ribs"]
    assert [g.name for g in needed_for(models, SCHEMA, []).groups] == ["organs", "ribs"]


def test_a_misspelt_structure_is_answered_with_the_nearest_names(models: ModelSet) -> None:
    with pytest.raises(SetupError, match="no structure 'kidney_rigth'; did you mean kidney_right"):
        needed_for(models, SCHEMA, ["kidney_rigth"])


def test_a_structure_that_no_model_has_is_named(models: ModelSet) -> None:
    with pytest.raises(SetupError, match="model set tiny does not segment liver"):
        needed_for(models, SCHEMA, ["spleen", "liver"])


def test_an_image_that_is_no_ct_is_refused(toml: Path) -> None:
    flat = nib.Nifti1Image(np.zeros(SHAPE, np.int16), LPI)
    with pytest.raises(SeriesError, match="cannot be Hounsfield units"):
        segment_image(flat, str(toml))


class Paint:
    """A model that labels the first planes with its number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def segment(self, hu: HuArray) -> LabelArray:
        labels = np.zeros(hu.shape, np.uint8)
        labels[: self.number] = self.number
        return labels


def test_later_models_paint_over_earlier_ones(models: ModelSet) -> None:
    volume = read_series("nifti", [ct().to_bytes()]).volume
    labels = segment_scan(volume, models, [Paint(5), Paint(3)]).labels
    assert labels[:, 0, 0].tolist()[:7] == [3, 3, 3, 5, 5, 0, 0]


def test_a_model_is_loaded_while_the_one_before_works_and_no_earlier(models: ModelSet) -> None:
    loaded: list[str] = []
    second = threading.Event()

    def load(group: Group) -> Paint:
        loaded.append(group.name)
        if len(loaded) == 2:
            second.set()
        return Paint(len(loaded))

    ahead = iter(OneAhead([models.groups[0], models.groups[1], models.groups[0]], load))
    next(ahead)
    assert second.wait(timeout=10)
    assert loaded == ["organs", "ribs"]
    assert [p.segment(np.zeros((4, 1, 1), np.int16)).max() for p in ahead] == [2, 3]


def test_what_a_model_cannot_load_is_said_where_it_is_used(models: ModelSet) -> None:
    replaced = Group("organs", models.groups[0].folder, "0" * 64)
    with pytest.raises(SetupError, match="SHA-256"):
        list(OneAhead([replaced], group_loader(models, Execution())))
