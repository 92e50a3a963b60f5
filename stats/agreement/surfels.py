"""Area of the surface in one cell of a voxel grid, for each of its 256 patterns.

A cell is the cube between the centres of 2x2x2 voxels. Its pattern is a code of 8 bits, bit n for
the voxel at offset (n // 4, n // 2 % 2, n % 2): inside the structure or not. The surface is that of
marching cubes (Lorensen and Cline, 1987): it crosses every edge between an inside and an outside
voxel in the middle, and these points form one to four polygons. Two choices are left open by that:

- Where only diagonal corners of a face agree, the corners of the smaller party are kept apart.
- A polygon that is not flat has several triangulations; the largest in area is taken.

With these two rules every area equals that of DeepMind's `surface-distance` at any spacing (tests).
"""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cache
from itertools import pairwise, product
from typing import Final

import numpy as np
import numpy.typing as npt

from segment_actor.volume import SpacingMm

CODES: Final = 2**8
"""Patterns of a cell: 0 lies outside, 255 inside, and all others have a surface."""

_TRIANGLES: Final = 4
"""The most triangles that the surface in a cell has."""

_Point = tuple[int, int, int]
"""In half voxels: a corner of the cell is even, the middle of an edge has one odd number."""

_Triangle = tuple[float, float, float]
"""Its normal, as long as its area, in voxels. Without signs, on which no area depends."""


def surfel_areas(spacing_mm: SpacingMm) -> npt.NDArray[np.float64]:
    """(256,) mm², the surface in a cell of each code.

    Args:
        spacing_mm: voxel size along I, J and K.
    """
    i_mm, j_mm, k_mm = spacing_mm
    stretch = np.array([j_mm * k_mm, i_mm * k_mm, i_mm * j_mm])
    areas: npt.NDArray[np.float64] = np.linalg.norm(_normals() * stretch, axis=2).sum(axis=1)
    return areas


@cache
def _normals() -> npt.NDArray[np.float64]:
    """(256, 4, 3) normals of the triangles of each code; zeros where a code has fewer."""
    normals = np.zeros((CODES, _TRIANGLES, 3))
    for code in range(1, CODES - 1):
        triangles = [t for polygon in _polygons(code) for t in _triangles(polygon)]
        normals[code, : len(triangles)] = triangles
    return normals


def _polygons(code: int) -> list[list[_Point]]:
    """Corners of each polygon in order. Every corner lies on an edge, so between two faces."""
    neighbours: dict[_Point, list[_Point]] = defaultdict(list)
    for face in _faces():
        for a, b in _segments(face, _smaller_party(code)):
            neighbours[a].append(b)
            neighbours[b].append(a)
    polygons = []
    while neighbours:
        point = next(iter(neighbours))
        polygon = []
        while point in neighbours:
            polygon.append(point)
            one, other = neighbours.pop(point)
            point = one if one in neighbours else other
        polygons.append(polygon)
    return polygons


def _smaller_party(code: int) -> set[_Point]:
    """Corners of the cell that are inside, or those outside if they are fewer."""
    corners = [(i, j, k) for i in (0, 2) for j in (0, 2) for k in (0, 2)]
    inside = {corner for n, corner in enumerate(corners) if code >> n & 1}
    return inside if len(inside) <= len(corners) / 2 else set(corners) - inside


def _faces() -> list[list[_Point]]:
    """Corners of the six faces, each in the order around it."""
    faces = []
    for axis, side in product(range(3), (0, 2)):
        around = [[0, 0], [0, 2], [2, 2], [2, 0]]
        for corner in around:
            corner.insert(axis, side)
        faces.append([(i, j, k) for i, j, k in around])
    return faces


def _segments(face: list[_Point], party: set[_Point]) -> list[tuple[_Point, _Point]]:
    """Lines of the surface on a face: each cuts off one run of corners of the party."""
    start = next((n for n, corner in enumerate(face) if corner not in party), 0)
    around = list(pairwise([*face[start:], *face[: start + 1]]))
    enters = [_middle(a, b) for a, b in around if a not in party and b in party]
    leaves = [_middle(a, b) for a, b in around if a in party and b not in party]
    return list(zip(enters, leaves, strict=True))


def _middle(a: _Point, b: _Point) -> _Point:
    return (a[0] + b[0]) // 2, (a[1] + b[1]) // 2, (a[2] + b[2]) // 2


def _triangles(polygon: list[_Point]) -> list[_Triangle]:
    """The triangulation with the largest area."""
    if len(polygon) < 3:
        return []
    first, *between, last = polygon
    choices = (
        [_triangle(first, point, last), *_triangles(polygon[:n]), *_triangles(polygon[n - 1 :])]
        for n, point in enumerate(between, start=2)
    )
    return max(choices, key=lambda triangles: sum(math.hypot(*t) for t in triangles))


def _triangle(a: _Point, b: _Point, c: _Point) -> _Triangle:
    u, v = ([q - p for p, q in zip(a, other, strict=True)] for other in (b, c))
    cross = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
    i, j, k = (abs(x) / 8 for x in cross)  # half of the cross product, in half voxels
    return i, j, k
