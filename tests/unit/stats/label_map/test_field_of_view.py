"""The scanner's circle is found to the voxel, and air is never taken for padding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_actor.grid.geometry import to_canonical
from segment_actor.reading.dicom.file.parsing import parse, with_pixels
from segment_actor.reading.dicom.pixels.decoding import decode_hu
from segment_actor.reading.nifti import read_nifti
from segment_actor.volume import HuArray
from stats.label_map.field_of_view import FieldOfView, find_field_of_view
from tests.support.real_ct import real_ct_folder

Mask = npt.NDArray[np.bool_]


def seen(view: FieldOfView, shape: tuple[int, ...]) -> Mask:
    """(I, J, K): the voxels that were reconstructed."""
    along = np.arange(shape[view.order[2]])
    walked = (along >= view.first[..., None]) & (along < view.stop[..., None])
    return walked.transpose(np.argsort(view.order))


def noisy_air(shape: tuple[int, int, int], seed: int = 0) -> HuArray:
    """As scanners store it: around -1000 HU, one voxel of twenty clipped at -1024."""
    noise = np.random.default_rng(seed).normal(-1000.0, 15.0, shape)
    return np.clip(np.rint(noise), -1024, 3071).astype(np.int16)


def body(shape: tuple[int, int, int]) -> Mask:
    """An ellipse that swells from slice to slice, to a fifth more."""
    i, j = np.ogrid[: shape[0], : shape[1]]
    x, y = (i - shape[0] / 2) / (0.35 * shape[0]), (j - shape[1] / 2) / (0.3 * shape[1])
    return (x**2 + y**2)[:, :, None] < np.linspace(1.0, 1.44, shape[2])


def circle(shape: tuple[int, int, int], centre: tuple[float, float], radius: float) -> Mask:
    """What lies inside of it."""
    i, j = np.ogrid[: shape[0], : shape[1]]
    inside = (i - centre[0]) ** 2 + (j - centre[1]) ** 2 <= radius**2
    return np.broadcast_to(inside[:, :, None], shape)


def in_memory_order(hu: HuArray, order: tuple[int, ...]) -> HuArray:
    """The same voxels, laid out with the axes from slowest to fastest."""
    return np.ascontiguousarray(hu.transpose(order)).transpose(np.argsort(order))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.floats(-8.0, 8.0), st.floats(-8.0, 8.0)),
    st.floats(18.0, 34.0),
    st.sampled_from([-32768, -3024, -2048, -2000, -1024, 0, 3071]),
    st.permutations(range(3)),
    st.integers(0, 2**32 - 1),
)
def test_a_circle_that_cuts_a_body_is_found_to_the_voxel(
    off: tuple[float, float], radius: float, fill: int, order: list[int], seed: int
) -> None:
    shape = (70, 60, 16)
    inside = circle(shape, (34.5 + off[0], 29.5 + off[1]), radius)
    hu = noisy_air(shape, seed)
    hu[body(shape)] += 1040
    hu[~inside] = fill
    found = seen(find_field_of_view(in_memory_order(hu, tuple(order))), shape)
    # of clipped noise a voxel or two may lie beside the padding in every slice
    assert np.count_nonzero((found != inside).any(axis=2)) <= (2 if fill == -1024 else 0)


@pytest.mark.parametrize("n_slices", [1, 3, 30])
@pytest.mark.parametrize("air", [-1024, -1000, -950, -160])
def test_a_body_in_air_of_one_value_is_not_cut(air: int, n_slices: int) -> None:
    shape = (70, 60, n_slices)
    hu = np.where(body(shape), 40, air).astype(np.int16)
    assert seen(find_field_of_view(hu), shape).all()


def test_a_round_thigh_that_grows_wider_in_even_air_is_not_cut() -> None:
    thigh = np.concatenate([circle((70, 70, 1), (34, 34), r) for r in range(18, 30)], axis=2)
    hu = np.where(thigh, 40, -1024).astype(np.int16)
    assert seen(find_field_of_view(hu), hu.shape).all()


@pytest.mark.parametrize("half_width", [25.0, 26.0, 28.0, 32.0])
def test_a_body_alike_in_all_slices_in_even_air_is_not_cut(half_width: float) -> None:
    i, j = np.ogrid[:70, :70]
    inside = ((i - 34.5) / half_width) ** 2 + ((j - 34.5) / 22.0) ** 2 <= 1.0
    hu = np.repeat(np.where(inside, 40, -1024).astype(np.int16)[:, :, None], 12, axis=2)
    assert seen(find_field_of_view(hu), hu.shape).all()


@pytest.mark.parametrize("noise_hu", [5.0, 20.0, 60.0, 150.0])
def test_noise_below_the_lowest_air_is_no_padding(noise_hu: float) -> None:
    hu = np.random.default_rng(1).normal(-1000.0, noise_hu, (70, 60, 16)).astype(np.int16)
    assert seen(find_field_of_view(hu), hu.shape).all()


def test_below_the_lowest_air_padding_has_any_shape_and_moves_from_slice_to_slice() -> None:
    shape = (70, 60, 16)
    i, _, k = np.indices(shape)
    hu = noisy_air(shape)
    hu[body(shape)] += 1040
    hu[i + k < 30] = -3024
    hu[:, :, -1] = -3024
    assert (seen(find_field_of_view(hu), shape) == (hu > -3024)).all()


def test_what_resampling_mixed_of_padding_and_tissue_was_not_reconstructed_either() -> None:
    hu = np.full((40, 40, 4), 40, np.int16)
    hu[:10], hu[10] = -2000, -1300
    assert seen(find_field_of_view(hu), hu.shape)[:, 20, 0].argmax() == 11


def test_an_image_made_square_with_air_ends_where_it_ended() -> None:
    hu = np.full((70, 60, 16), -1024, np.int16)
    hu[:, 10:50] = noisy_air((70, 40, 16))
    assert seen(find_field_of_view(hu), hu.shape)[0, :, 0].nonzero()[0].tolist() == [*range(10, 50)]


def test_an_image_of_one_value_was_reconstructed() -> None:
    hu = np.full((30, 30, 5), -2000, np.int16)
    assert seen(find_field_of_view(hu), hu.shape).all()


def test_pixels_that_are_not_square_have_a_circle_in_millimetres() -> None:
    shape = (80, 40, 8)
    i, j = np.ogrid[:80, :40]
    inside = (i - 39.5) ** 2 + (2 * (j - 19.5)) ** 2 <= 38.0**2
    hu = noisy_air(shape)
    hu[~inside] = -1024
    found = seen(find_field_of_view(hu, (1.0, 2.0, 3.0)), shape)
    assert np.count_nonzero((found != inside[:, :, None]).any(axis=2)) <= 2
    assert seen(find_field_of_view(hu), shape).all()  # an ellipse, for all we know


def test_a_real_scanner_reconstructs_the_circle_in_the_square() -> None:
    files = (real_ct_folder() / "example_ct_dicom").iterdir()
    images = filter(None, (parse(file.read_bytes()) for file in files))
    hu = np.stack([decode_hu(with_pixels(image), (512, 512)) for image in images]).T
    outside = 1.0 - seen(find_field_of_view(hu), hu.shape).mean()
    assert outside == pytest.approx(1.0 - np.pi / 4.0, abs=0.002)


@pytest.mark.parametrize("name", ["example_ct", "example_ct_sm"])
def test_a_real_ct_cropped_to_the_body_loses_two_corners_of_air_at_most(name: str) -> None:
    ct = to_canonical(read_nifti((real_ct_folder() / f"{name}.nii.gz").read_bytes()))
    found = seen(find_field_of_view(ct.hu, ct.spacing_mm), ct.shape)
    assert ct.hu[~found].size < 0.01 * ct.hu.size
