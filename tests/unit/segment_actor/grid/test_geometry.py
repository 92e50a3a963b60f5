from typing import Literal

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from segment_actor.errors import SeriesError
from segment_actor.grid.geometry import check_grid, from_canonical, to_canonical
from segment_actor.volume import Affine, HuArray, Shape, Volume
from tests.support.ct_files import RAS_2MM, made_hu

spacings = st.floats(0.3, 8.0)
# Below 45 degrees in all, so that each axis still has one nearest patient axis.
tilts = st.floats(-12.0, 12.0)


@st.composite
def volumes(draw: st.DrawFn) -> Volume:
    """Axes in any order, any of them flipped, any spacing, slightly oblique."""
    order = draw(st.permutations(range(3)))
    signs = draw(st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3))
    spacing_mm = draw(st.tuples(spacings, spacings, spacings))
    angles = draw(st.tuples(tilts, tilts, tilts))
    axes = np.eye(3)[:, order] * signs
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ axes
    affine[:3, :3] *= spacing_mm
    affine[:3, 3] = draw(st.tuples(*[st.floats(-500.0, 500.0)] * 3))
    shape = draw(st.tuples(*[st.integers(4, 7)] * 3))
    return Volume(made_hu(shape, draw(st.integers(0, 99))), affine)


def hu_at(volume: Volume, points_mm: npt.NDArray[np.float64]) -> HuArray:
    index = np.c_[points_mm, np.ones(len(points_mm))] @ np.linalg.inv(volume.affine).T
    i, j, k = np.rint(index[:, :3]).astype(int).T
    found: HuArray = volume.hu[i, j, k]
    return found


def voxel_centres_mm(volume: Volume) -> npt.NDArray[np.float64]:
    index = np.argwhere(np.ones(volume.shape))
    centres: npt.NDArray[np.float64] = nib.affines.apply_affine(volume.affine, index)
    return centres


@given(volumes())
def test_every_place_in_the_patient_keeps_its_hu(volume: Volume) -> None:
    canonical = to_canonical(volume)
    centres_mm = voxel_centres_mm(canonical)
    assert np.array_equal(hu_at(volume, centres_mm), canonical.hu.ravel())


def in_one_piece(voxels: npt.NDArray[np.generic]) -> bool:
    """All axes forwards, in some order in memory, with nothing in between."""
    lines = voxels.transpose(np.argsort(voxels.strides)[::-1])
    return min(voxels.strides) > 0 and lines.flags.c_contiguous


@given(volumes(), st.permutations(range(3)))
def test_canonical_axes_are_ras_and_in_one_piece(volume: Volume, order: list[int]) -> None:
    stored = np.ascontiguousarray(volume.hu.transpose(order)).transpose(np.argsort(order))
    canonical = to_canonical(Volume(stored, volume.affine))
    assert nib.orientations.aff2axcodes(canonical.affine) == ("R", "A", "S")
    assert in_one_piece(canonical.hu)
    assert np.array_equal(canonical.hu, to_canonical(volume).hu)
    assert sorted(canonical.spacing_mm) == pytest.approx(sorted(volume.spacing_mm))


@given(volumes())
def test_labels_find_back_to_the_voxels_they_came_from(volume: Volume) -> None:
    labels = to_canonical(volume).hu.astype(np.uint8)
    back = from_canonical(labels, volume.affine)
    assert np.array_equal(back, volume.hu.astype(np.uint8))
    assert in_one_piece(back)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_canonical_volume_is_not_copied(order: Literal["C", "F"]) -> None:
    volume = Volume(made_hu().copy(order=order), RAS_2MM)
    assert np.shares_memory(to_canonical(volume).hu, volume.hu)


def sheared(cosine: float) -> Affine:
    affine = np.eye(4)
    affine[:3, 2] = [cosine, 0.0, np.sqrt(1 - cosine**2)]
    return affine


def test_a_shear_below_one_in_a_thousand_is_rounding() -> None:
    check_grid((4, 4, 4), sheared(0.0009))


@pytest.mark.parametrize(
    ("affine", "what"),
    [
        (sheared(0.0011), "sheared"),
        (np.diag([1.0, 1.0, 0.0, 1.0]), "singular"),
        (sheared(1.0), "singular"),
        (np.full((4, 4), np.nan), "singular"),
        (np.diag([1e60, 1.0, 1.0, 1.0]), "voxel size"),
        (nib.affines.from_matvec(np.eye(3), [0, 1e308, 0]), "100 m away"),
        (np.diag([0.0007, 0.0007, 0.0015, 1.0]), "voxel size"),  # a header in metres
    ],
)
def test_an_impossible_grid_is_refused(affine: Affine, what: str) -> None:
    with pytest.raises(SeriesError, match=what):
        check_grid((4, 4, 4), affine)


@pytest.mark.parametrize(
    ("shape", "spacing_mm"),
    [
        ((512, 512, 400), 7.0),  # ten times an adult
        ((152, 107, 73), 0.1),  # a thirtieth of one, and a mouse
        ((96, 96, 96), 49.0),
        ((512, 512, 40), 2.0),  # two axes of 1 m
    ],
)
def test_an_image_too_large_or_too_small_for_a_patient_is_refused(
    shape: Shape, spacing_mm: float
) -> None:
    with pytest.raises(SeriesError, match=r"bad_spacing.*mm large"):
        check_grid(shape, np.diag([spacing_mm] * 3 + [1.0]))


@pytest.mark.parametrize(
    ("shape", "spacing_mm"),
    [
        ((512, 512, 400), 0.1),  # the inner ear, 51 mm wide
        ((500, 500, 500), 0.08),  # a tooth, 40 mm
        ((48, 48, 48), 0.6),  # a crop around a nodule
        ((96, 96, 96), 0.3),  # likewise
        ((512, 512, 512), 1.5),
        ((160, 160, 400), 5.0),  # the whole body in a wide field of view
    ],
)
def test_the_smallest_and_the_largest_fields_of_view_are_read(
    shape: Shape, spacing_mm: float
) -> None:
    check_grid(shape, np.diag([spacing_mm] * 3 + [1.0]))


@pytest.mark.parametrize("shape", [(3, 9, 9), (9, 3, 9), (9, 9, 3)])
def test_three_voxels_along_any_axis_are_too_few(shape: tuple[int, int, int]) -> None:
    with pytest.raises(SeriesError, match="only 3 of the 4"):
        check_grid(shape, RAS_2MM)


def test_more_voxels_than_any_ct_are_refused_before_memory_is_asked_for() -> None:
    with pytest.raises(SeriesError, match="too_large"):
        check_grid((32767, 32767, 32767), RAS_2MM)
