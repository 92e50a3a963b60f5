"""What was not reconstructed is in no piece, and cuts the pieces beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segment_actor.volume import LabelArray
from stats.label_map.field_of_view import FieldOfView, whole_image
from stats.label_map.pieces import join_pieces
from stats.label_map.runs import LOWEST_HU, Indices, find_runs, hu_histograms

Mask = npt.NDArray[np.bool_]
Row = tuple[int, int, bool, tuple[float, ...], tuple[int, ...], tuple[int, ...]]
"""Of a piece: label, voxels in the CT, whether it is cut, centroid, first and last voxel."""


@st.composite
def _cases(draw: st.DrawFn) -> tuple[LabelArray, Indices, FieldOfView, Mask]:
    """Patchy labels, a CT of one to three voxels a label voxel, any stretch of its lines seen."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(*[st.integers(1, 7)] * 3))
    labels = rng.choice(np.array([0, 0, 1, 2], np.uint8), shape)
    i, j, k = (
        np.repeat(np.arange(n), rng.integers(1, draw(st.integers(2, 4)), n)).astype(np.int32)
        for n in shape
    )
    order = draw(st.permutations(range(3)))
    ct = [len((i, j, k)[axis]) for axis in order]
    hu = np.zeros(ct, np.int16).transpose(np.argsort(order))
    image = whole_image(hu)
    lines, n = image.first.shape, hu.shape[image.order[2]]
    margin = draw(st.sampled_from([0, 2, n]))
    first = rng.integers(0, margin, lines, np.int32, endpoint=True)
    stop = n - rng.integers(0, margin, lines, np.int32, endpoint=True)
    first, stop = np.where(first < stop, first, n), np.where(first < stop, stop, 0)
    view = FieldOfView(image.order, first.astype(np.int32), stop.astype(np.int32))
    along = np.arange(n)
    seen = (along >= first[..., None]) & (along < stop[..., None])
    return labels, (i, j, k), view, seen.transpose(np.argsort(image.order))


def _by_scipy(labels: LabelArray, indices: Indices, seen: Mask) -> list[Row]:
    whole = np.ones(labels.shape, np.bool_)
    np.logical_and.at(whole, np.ix_(*indices), seen)
    beside = ndimage.binary_dilation(~whole)[np.ix_(*indices)]
    inside = np.zeros_like(seen)
    inside[1:-1, 1:-1, 1:-1] = True
    found: list[Row] = []
    for label in (1, 2):
        pieces, count = ndimage.label(labels == label)
        for n in range(1, count + 1):
            mask = (pieces == n)[np.ix_(*indices)] & seen
            if mask.any():
                centre = tuple(round(float(x), 6) for x in ndimage.center_of_mass(mask))
                (box,) = ndimage.find_objects(mask.astype(int))
                ends = tuple(s.start for s in box), tuple(s.stop - 1 for s in box)
                cut = bool((mask & (beside | ~inside)).any())
                found.append((label, int(mask.sum()), cut, centre, *ends))
    return sorted(found)


@settings(max_examples=300, deadline=None)
@given(_cases())
def test_pieces_are_those_of_scipy_in_what_was_reconstructed(
    case: tuple[LabelArray, Indices, FieldOfView, Mask],
) -> None:
    labels, indices, view, seen = case
    hu = np.zeros(seen.transpose(view.order).shape, np.int16).transpose(np.argsort(view.order))
    pieces = join_pieces(find_runs(hu, labels, indices, view))
    ours: list[Row] = [
        (
            int(pieces.label[n]),
            int(pieces.ct_voxels[n]),
            bool(pieces.at_edge[n]),
            tuple(round(float(x), 6) for x in pieces.centroid[n]),
            tuple(map(int, pieces.low[n])),
            tuple(map(int, pieces.high[n])),
        )
        for n in np.flatnonzero(pieces.ct_voxels)
    ]
    assert sorted(ours) == _by_scipy(labels, indices, seen)


@settings(max_examples=100, deadline=None)
@given(_cases())
def test_no_voxel_that_was_not_reconstructed_is_counted(
    case: tuple[LabelArray, Indices, FieldOfView, Mask],
) -> None:
    labels, indices, view, seen = case
    hu = np.where(seen, np.int16(40), np.int16(-3024)).transpose(view.order).copy()
    hu = hu.transpose(np.argsort(view.order))
    counts = hu_histograms(hu, find_runs(hu, labels, indices, view))
    of_label = labels[np.ix_(*indices)]
    assert counts[1, 40 - LOWEST_HU] == np.count_nonzero(seen & (of_label == 1))
    assert counts[:, -3024 - LOWEST_HU].sum() == 0
