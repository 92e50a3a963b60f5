"""Runs hold the whole label map, and their pieces are those of scipy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segment_actor.volume import HuArray, LabelArray
from stats.label_map.pieces import join_pieces
from stats.label_map.runs import find_runs, identity_indices

Box = tuple[int, int, tuple[float, ...], tuple[int, ...], tuple[int, ...]]
"""Of a piece: label, size, centroid, first and last voxel."""


@st.composite
def _maps(draw: st.DrawFn) -> tuple[HuArray, LabelArray]:
    """Patchy label maps, beside CTs in all memory orders."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(*[st.integers(1, 9)] * 3))
    labels = rng.choice(np.array([0, 0, 1, 2, 255], np.uint8), shape)
    order = draw(st.permutations(range(3)))
    hu = np.zeros([shape[axis] for axis in order], np.int16).transpose(np.argsort(order))
    return hu, labels


def _by_scipy(labels: LabelArray) -> list[Box]:
    found: list[Box] = []
    for label in map(int, np.unique(labels[labels > 0])):
        pieces, count = ndimage.label(labels == label)
        for n, box in enumerate(ndimage.find_objects(pieces), start=1):
            centre = tuple(round(float(x), 9) for x in ndimage.center_of_mass(pieces == n))
            low, high = tuple(s.start for s in box), tuple(s.stop - 1 for s in box)
            found.append((label, int((pieces == n).sum()), centre, low, high))
        assert count == n
    return sorted(found)


@settings(max_examples=150)
@given(_maps())
def test_pieces_are_those_of_scipy_in_every_memory_order(case: tuple[HuArray, LabelArray]) -> None:
    hu, labels = case
    pieces = join_pieces(find_runs(hu, labels, identity_indices(labels.shape)))
    ours = [
        (
            int(pieces.label[n]),
            int(pieces.size[n]),
            tuple(round(float(x), 9) for x in pieces.centroid[n]),
            tuple(map(int, pieces.low[n])),
            tuple(map(int, pieces.high[n])),
        )
        for n in range(len(pieces.label))
    ]
    assert sorted(ours) == _by_scipy(labels)


def test_a_piece_that_a_coarse_ct_skips_has_no_voxel_and_no_centroid() -> None:
    labels = np.zeros((3, 3, 3), np.uint8)
    labels[1, 1, 1] = 7
    index = np.array([0, 2], np.int32)  # the CT's two voxels along each axis read the outer labels
    pieces = join_pieces(find_runs(np.zeros((2, 2, 2), np.int16), labels, (index, index, index)))
    assert (pieces.size.tolist(), pieces.ct_voxels.tolist()) == ([1], [0])
    assert np.isnan(pieces.centroid).all()


def test_rows_of_one_label_beside_another_are_two_runs() -> None:
    labels = np.array([[[1, 1, 2, 0, 2]]], np.uint8)
    runs = find_runs(np.zeros(labels.shape, np.int16), labels, identity_indices(labels.shape))
    assert runs.spans.tolist() == [[0, 2], [2, 3], [4, 5]]
    assert runs.labels.tolist() == [1, 2, 2]
