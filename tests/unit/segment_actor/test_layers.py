"""One CT on several grids: which groups see what, what is painted, and what is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_actor.anatomy import load_schema
from segment_actor.layers import (
    Layer,
    crop_box,
    flattened,
    labels_on_ct,
    layer_of_whole,
    one_after_the_other,
    paint,
    resample_whole,
    segment_layers,
)
from segment_actor.models.grids import Crop
from segment_actor.models.set import ModelSet, load_model_set
from segment_actor.segment import needed_for
from segment_actor.segmenter import GroupSegmenter
from segment_actor.volume import HuArray, LabelArray, Volume
from stats.measure import measure_maps
from tests.support.two_grids import write_two_grids

SCHEMA = load_schema("paper104")
LIVER, AORTA = SCHEMA.ids["liver"], SCHEMA.ids["aorta"]
SPACING_MM = (2.0, 1.5, 2.5)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    """liver at 3 x 2 x 4 mm, and aorta at 1.5 x 1 x 2 mm, within 6 mm around the liver."""
    return load_model_set(write_two_grids(tmp_path_factory.mktemp("models"), margin_mm=6))


def random_volume(shape: tuple[int, int, int] = (40, 36, 30)) -> Volume:
    hu = np.random.default_rng(0).integers(-900, 900, shape).astype(np.int16)
    return Volume(hu, np.diag([*SPACING_MM, 1.0]))


class Box:
    """A model that labels one box of its grid."""

    def __init__(self, label: int, box: tuple[slice, slice, slice]) -> None:
        self.label = label
        self.box = box
        self.seen: list[HuArray] = []

    def segment(self, hu: HuArray) -> LabelArray:
        self.seen.append(hu)
        labels = np.zeros(hu.shape, np.uint8)
        labels[self.box] = self.label
        return labels


def test_later_groups_paint_over_earlier_ones_and_background_over_none() -> None:
    first = np.array([1, 1, 0, 0], dtype=np.uint8)
    second = np.array([0, 7, 7, 0], dtype=np.uint8)
    assert paint([first, second]).tolist() == [1, 7, 7, 0]
    assert first.tolist() == [1, 1, 0, 0]


def test_groups_run_when_their_turn_comes() -> None:
    begun: list[int] = []

    class Noted(Box):
        def segment(self, hu: HuArray) -> LabelArray:
            begun.append(self.label)
            return super().segment(hu)

    run = one_after_the_other(Noted(n, (slice(n), slice(1), slice(1))) for n in (1, 2, 3))
    hu = np.zeros((4, 1, 1), np.int16)
    assert [part.max() for part in run((0, 1), hu)] == [1, 2]
    assert begun == [1, 2]
    assert [part.max() for part in run((2,), hu)] == [3]


def test_a_second_grid_sees_the_part_of_the_ct_around_the_first_ones_structures(
    models: ModelSet,
) -> None:
    volume = random_volume()
    liver = Box(LIVER, (slice(5, 9), slice(6, 12), slice(4, 8)))
    aorta = Box(AORTA, (slice(2, 4), slice(3, 6), slice(1, 5)))
    resampled = resample_whole(volume, models.whole_grids, models.way)
    first, second = segment_layers(volume, resampled, models, one_after_the_other([liver, aorta]))
    box = crop_box(volume, [first], Crop(("liver",), 6.0), SCHEMA)
    assert box is not None
    part = Volume(volume.hu[box], volume.affine)
    (expected,) = resample_whole(part, [models.grids[1]], models.way)
    np.testing.assert_array_equal(aorta.seen[0], expected)
    on_ct = labels_on_ct(second)
    assert set(np.unique(on_ct)) == {0, AORTA}
    on_ct[box] = 0
    assert not on_ct.any()


def test_a_structure_inside_another_takes_no_voxel_from_it(models: ModelSet) -> None:
    volume = random_volume()
    everything = (slice(None),) * 3
    segmenters = [Box(LIVER, everything), Box(AORTA, (slice(4, 9), slice(4, 9), slice(4, 9)))]
    resampled = resample_whole(volume, models.whole_grids, models.way)
    layers = segment_layers(volume, resampled, models, one_after_the_other(segmenters))
    rows = {
        row.structure: row
        for row in measure_maps(volume.hu, layers, volume.voxel_ml, SCHEMA, spacing_mm=SPACING_MM)
    }
    assert rows["liver"].voxel_count == volume.hu.size
    on_ct = labels_on_ct(layers[1])
    assert rows["aorta"].voxel_count == np.count_nonzero(on_ct == AORTA)
    assert rows["aorta"].hu_mean == pytest.approx(volume.hu[on_ct == AORTA].mean())
    assert rows["spleen"].status == "absent"
    assert AORTA in flattened(layers, volume.shape)


def test_without_the_structures_of_the_crop_its_groups_do_not_run(models: ModelSet) -> None:
    volume = random_volume()
    nothing = Box(LIVER, (slice(0), slice(0), slice(0)))
    resampled = resample_whole(volume, models.whole_grids, models.way)
    _, second = segment_layers(volume, resampled, models, one_after_the_other([nothing]))
    assert not labels_on_ct(second).any()
    assert labels_on_ct(second).shape == volume.shape


def test_the_real_engine_labels_a_random_weight_pair_as_each_model_alone(models: ModelSet) -> None:
    volume = random_volume()
    segmenters = [GroupSegmenter(group, SCHEMA, models.way) for group in models.groups]
    resampled = resample_whole(volume, models.whole_grids, models.way)
    first, second = segment_layers(volume, resampled, models, one_after_the_other(segmenters))
    np.testing.assert_array_equal(first.labels, segmenters[0].segment(resampled[0]))
    box = crop_box(volume, [first], Crop(("liver",), 6.0), SCHEMA)
    assert box is not None
    (part,) = resample_whole(Volume(volume.hu[box], volume.affine), [models.grids[1]], models.way)
    np.testing.assert_array_equal(second.labels[1:-1, 1:-1, 1:-1], segmenters[1].segment(part))
    assert LIVER in first.labels
    assert AORTA in second.labels


def test_a_structure_of_the_second_grid_needs_the_group_that_draws_its_crop(
    models: ModelSet,
) -> None:
    assert [g.name for g in needed_for(models, SCHEMA, ["aorta"]).groups] == ["coarse", "fine"]
    assert [g.name for g in needed_for(models, SCHEMA, ["liver"]).groups] == ["coarse"]


@given(
    low=st.tuples(*[st.integers(0, 6)] * 3),
    size=st.tuples(*[st.integers(1, 5)] * 3),
    margin_mm=st.floats(0, 12),
)
def test_the_box_holds_every_voxel_of_the_structure_and_the_margin_and_no_more(
    low: Sequence[int], size: Sequence[int], margin_mm: float
) -> None:
    volume = random_volume((20, 24, 18))
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))] = LIVER
    layer = layer_of_whole("all", labels, volume.shape, frozenset({LIVER}))
    box = crop_box(volume, [layer], Crop(("liver",), margin_mm), SCHEMA)
    inside = np.argwhere(labels_on_ct(layer) == LIVER)
    assert box is not None
    for axis in range(3):
        margin = int(margin_mm / SPACING_MM[axis])
        assert box[axis].start == max(inside[:, axis].min() - margin, 0)
        assert box[axis].stop == min(inside[:, axis].max() + margin + 1, volume.shape[axis])


@given(st.integers(0, 2**32 - 1))
def test_several_maps_that_share_out_the_structures_measure_as_one(seed: int) -> None:
    generator = np.random.default_rng(seed)
    volume = random_volume((12, 10, 9))
    labels = generator.integers(0, 4, (6, 5, 9)).astype(np.uint8)

    def only(*ids: int) -> Layer:
        some: npt.NDArray[np.uint8] = np.where(np.isin(labels, ids), labels, 0).astype(np.uint8)
        return layer_of_whole("some", some, volume.shape, frozenset(ids))

    whole = only(1, 2, 3)
    one = measure_maps(volume.hu, [whole], volume.voxel_ml, SCHEMA, spacing_mm=SPACING_MM)
    several = [only(1, 3), only(2)]
    assert one == measure_maps(volume.hu, several, volume.voxel_ml, SCHEMA, spacing_mm=SPACING_MM)
