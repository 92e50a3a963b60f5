"""The phantom's renderer against volumes known from geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_actor.phantom.builder import rotation_matrix
from segment_actor.phantom.render import Ellipsoid, Loft, Material, Tube, paint_solids

GRID = (60, 60, 60)
CENTRED = np.array([[1.0, 0, 0, -30], [0, 1.0, 0, -30], [0, 0, 1.0, -30], [0, 0, 0, 1]])


@settings(max_examples=15, deadline=None)
@given(
    radii=st.tuples(*[st.floats(8.0, 24.0)] * 3),
    turn=st.tuples(*[st.floats(-180.0, 180.0)] * 3),
)
def test_an_ellipsoid_has_the_volume_of_geometry_however_it_is_turned(
    radii: tuple[float, float, float], turn: tuple[float, float, float]
) -> None:
    solid = Ellipsoid(np.zeros(3), np.array(radii), Material(1, 50.0), rotation_matrix(*turn))
    regions, _ = paint_solids([solid], GRID, CENTRED)
    assert regions.sum() == pytest.approx(4 / 3 * np.pi * np.prod(radii), rel=0.03)


def test_a_tube_is_a_cylinder_with_two_round_ends() -> None:
    tube = Tube(np.array([[0, 0, -15.0], [0, 0, 15.0]]), np.array([8.0, 8.0]), Material(3, 1.0))
    regions, _ = paint_solids([tube], GRID, CENTRED)
    exact = np.pi * 8**2 * 30 + 4 / 3 * np.pi * 8**3
    assert (regions == 3).sum() == pytest.approx(exact, rel=0.02)


def test_a_loft_of_equal_ellipses_is_an_elliptic_cylinder() -> None:
    loft = Loft(np.array([[-20.0, 0, 0, 10, 20], [20.0, 0, 0, 10, 20]]), Material(2, 1.0))
    regions, _ = paint_solids([loft], GRID, CENTRED)
    assert (regions == 2).sum() == pytest.approx(np.pi * 10 * 20 * 41, rel=0.02)


def test_a_later_solid_overwrites_an_earlier_one_only_where_it_may() -> None:
    ball = Ellipsoid(np.zeros(3), np.full(3, 10.0), Material(1, 10.0))
    inner = Ellipsoid(np.zeros(3), np.full(3, 5.0), Material(2, 20.0, over=frozenset({9})))
    regions, hu = paint_solids([ball, inner], GRID, CENTRED)
    assert set(np.unique(regions)) == {0, 1}
    assert set(np.unique(hu)) == {-1000.0, 10.0}


def test_the_shell_of_a_bone_has_the_hu_of_the_shell() -> None:
    bone = Ellipsoid(
        np.zeros(3), np.full(3, 10.0), Material(1, 100.0, hu_shell=600.0, shell_from=0.5)
    )
    _, hu = paint_solids([bone], GRID, CENTRED)
    assert hu[30, 30, 30] == 100.0
    assert hu[38, 30, 30] == 600.0
