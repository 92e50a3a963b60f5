"""Positions as scanners write them: rounded, and as decimal text."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.geometry.grid import arrange
from segment_actor.reading.dicom.image import Image
from segment_actor.reading.dicom.series import parse_files
from tests.support.ct_files import dicom_files, dicom_slices

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ONE = parse_files(dicom_files(dicom_slices(np.zeros((4, 4, 1), np.int16))), ())[0].image


def images_at(
    positions_mm: list[list[float]], orientation: tuple[float, ...] = AXIAL
) -> list[Image]:
    return [replace(ONE, position_mm=(*at,), orientation=orientation) for at in positions_mm]


def step_of(images: list[Image]) -> float:
    return float(np.linalg.norm(arrange(images).affine[:3, 2]))


STEPS_MM = st.floats(0.4, 10).map(lambda mm: round(mm, 4))
DIGITS = st.integers(1, 3)
STARTS_MM = st.floats(-900, 900).map(lambda mm: round(mm, 3))


@given(STEPS_MM, st.integers(4, 400), DIGITS, STARTS_MM)
def test_rounded_positions_are_regular(step: float, n: int, digits: int, start: float) -> None:
    images = images_at([[0, 0, round(start + k * step, digits)] for k in range(n)])
    assert abs(step_of(images) - step) <= 0.1**digits / (n - 1) + 1e-9


def test_40_slices_of_0_625_mm_rounded_to_a_tenth_have_their_distance() -> None:
    for start in (0.0, 0.013, -731.05):
        images = images_at([[0, 0, round(start + k * 0.625, 1)] for k in range(40)])
        assert step_of(images) == pytest.approx(0.625, abs=5e-4)


@given(STEPS_MM, st.integers(4, 400), DIGITS, STARTS_MM, st.data())
def test_a_slice_missing_inside_is_always_found(
    step: float, n: int, digits: int, start: float, data: st.DataObject
) -> None:
    heights = [round(start + k * step, digits) for k in range(n + 1)]
    del heights[data.draw(st.integers(1, n - 1))]
    with pytest.raises(SeriesError) as refusal:
        step_of(images_at([[0, 0, height] for height in heights]))
    assert refusal.value.code is FailureCode.MISSING_SLICE


@given(st.floats(0.4, 10), st.integers(4, 100), st.floats(-40, 40), STARTS_MM, st.data())
def test_a_slice_missing_of_a_tilted_gantry_is_always_found(
    step: float, n: int, degrees: float, start: float, data: st.DataObject
) -> None:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    places = [[0.0, 3.07, round(start + k * step / cosine, 1)] for k in range(n + 1)]
    del places[data.draw(st.integers(1, n - 1))]
    with pytest.raises(SeriesError) as refusal:
        step_of(images_at(places, (1.0, 0.0, 0.0, 0.0, cosine, -sine)))
    assert refusal.value.code is FailureCode.MISSING_SLICE


@pytest.mark.parametrize("step", [0.625, 0.75, 1.25])
def test_oblique_positions_rounded_to_a_tenth_are_regular(step: float) -> None:
    tilted = np.array([[0.8, 0.6, 0], [-0.48, 0.64, 0.6]])
    normal = np.cross(*tilted)
    positions = [[round(x, 1) for x in 40 * k / 40 * step * normal + 0.037] for k in range(40)]
    assert step_of(images_at(positions, (*tilted.ravel(),))) == pytest.approx(step, abs=0.005)


def test_two_of_three_slices_are_not_a_series() -> None:
    heights = [0.4 * k for k in range(60) if k % 3 != 2]
    with pytest.raises(SeriesError, match="missing_slice"):
        step_of(images_at([[0, 0, round(height, 1)] for height in heights]))


def test_two_stacks_of_nearly_the_same_distance_are_not_one() -> None:
    heights = [round(0.6 * k, 1) for k in range(20)]
    heights += [round(heights[-1] + 0.7 * k, 1) for k in range(1, 21)]
    with pytest.raises(SeriesError, match="missing_slice"):
        step_of(images_at([[0, 0, height] for height in heights]))


def test_every_second_slice_missing_in_a_half_is_found() -> None:
    heights = [0.5 * k for k in range(10)] + [5.0 + k for k in range(10)]
    with pytest.raises(SeriesError, match="missing_slice"):
        step_of(images_at([[0, 0, height] for height in heights]))
