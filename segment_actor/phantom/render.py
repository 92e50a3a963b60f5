"""Paints geometric solids into a voxel grid: the renderer behind the phantom.

A body is a list of solids in body millimetres (RAS: +x right, +y anterior, +z superior). Each
solid carries a region id and its HU; later solids overwrite earlier ones. Because solids are
analytic, the same body can be painted on any grid: a CT at the scanner's spacing, its truth at the
model's.

A kernel visits the voxels of the box around its solid, K innermost as the arrays lie in memory. It
brings each voxel's centre into body millimetres and asks for its relative radius: 0 at the centre
or axis of the solid, 1 on its surface. The shell begins at a relative radius too, so that a bone's
cortex is as thick a part of it at any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numba
import numpy as np
import numpy.typing as npt

from segment_actor.volume import N_LABEL_VALUES, Affine, FloatArray, LabelArray, Shape

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Material:
    """What a solid is made of.

    Attributes:
        region: id painted into the label map, 1..255.
        hu: HU inside.
        hu_shell: HU of the outer layer (cortical bone, bowel wall); NaN for none.
        shell_from: relative radius (0..1) at which the outer layer begins.
        over: ids that may be overwritten; empty for all.
    """

    region: int
    hu: float
    hu_shell: float = float("nan")
    shell_from: float = 1.0
    over: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """|u|^p + |v|^p + |w|^p <= 1 for (u, v, w) = rotation.T @ (x - centre_mm) / radii_mm.

    Attributes:
        centre_mm: (3,) centre in the body.
        radii_mm: (3,) half-axes, along the ellipsoid's own axes.
        material: region, HU of the inside and of the shell.
        rotation: (3, 3), columns are the ellipsoid's axes in the body.
        power: p; 2 is an ellipsoid, more makes it a rounded box.
        lumps: relative height of the waves on the surface, so that organs are not perfect eggs.
        planes: (N, 4), keeps only points with plane[:3] @ x >= plane[3] for every plane.
    """

    centre_mm: Vector
    radii_mm: Vector
    material: Material
    rotation: Vector = field(default_factory=lambda: np.eye(3))
    power: float = 2.0
    lumps: float = 0.0
    planes: Vector = field(default_factory=lambda: np.zeros((0, 4)))


@dataclass(frozen=True, slots=True)
class Tube:
    """A chain of round cones through points_mm (N, 3) with radii_mm (N,)."""

    points_mm: Vector
    radii_mm: Vector
    material: Material


@dataclass(frozen=True, slots=True)
class Loft:
    """Elliptical cross-sections stacked along z, linear in between.

    sections is (N, 5) in mm, ascending in z: z, centre x, centre y, half-width x, half-width y.
    """

    sections: Vector
    material: Material
    power: float = 2.0


Solid = Ellipsoid | Tube | Loft


def paint_solids(
    solids: Sequence[Solid], shape: Shape, voxel_to_body: Affine, background_hu: float = -1000.0
) -> tuple[LabelArray, FloatArray]:
    """Paints solids in order.

    Args:
        solids: what to paint, later ones on top.
        shape: (I, J, K) of the grid.
        voxel_to_body: (4, 4), voxel index to body millimetres.
        background_hu: HU where nothing is painted.

    Returns:
        regions (I, J, K) uint8 (0 = nothing), and hu (I, J, K) float32.
    """
    regions: LabelArray = np.zeros(shape, np.uint8)
    hu = np.full(shape, background_hu, np.float32)
    to_body = np.ascontiguousarray(voxel_to_body[:3])
    to_voxel: Affine = np.linalg.inv(voxel_to_body).astype(np.float64)
    for solid in solids:
        allowed = _allowed(solid.material)
        values = _values(solid.material)
        if isinstance(solid, Tube):
            _paint_tube(solid, regions, hu, to_body, to_voxel, allowed, values)
            continue
        low, high = _bounds(solid)
        box = _box(low, high, to_voxel, shape)
        if isinstance(solid, Ellipsoid):
            inverse = solid.rotation.T / solid.radii_mm[:, None]
            _ellipsoid(
                regions, hu, to_body, box, allowed, values,
                solid.centre_mm, inverse, solid.power, solid.lumps, solid.planes,
            )  # fmt: skip
        else:
            _loft(regions, hu, to_body, box, allowed, values, solid.sections, solid.power)
    return regions, hu


def _paint_tube(
    tube: Tube,
    regions: LabelArray,
    hu: FloatArray,
    to_body: Vector,
    to_voxel: Affine,
    allowed: npt.NDArray[np.bool_],
    values: Vector,
) -> None:
    points, radii = tube.points_mm, tube.radii_mm
    for a, b, ra, rb in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        reach = max(ra, rb)
        i, j, k = regions.shape
        box = _box(np.minimum(a, b) - reach, np.maximum(a, b) + reach, to_voxel, (i, j, k))
        _cone(regions, hu, to_body, box, allowed, values, a, b, ra, rb)


def _allowed(material: Material) -> npt.NDArray[np.bool_]:
    if not material.over:
        return np.ones(N_LABEL_VALUES, np.bool_)
    table = np.zeros(N_LABEL_VALUES, np.bool_)
    table[list(material.over)] = True
    return table


def _values(material: Material) -> Vector:
    """(4,) region, HU inside, HU of the shell, relative radius where the shell begins."""
    shell_hu = material.hu if np.isnan(material.hu_shell) else material.hu_shell
    return np.array([material.region, material.hu, shell_hu, material.shell_from], np.float64)


def _bounds(solid: Ellipsoid | Loft) -> tuple[Vector, Vector]:
    if isinstance(solid, Ellipsoid):
        half = np.sqrt((solid.rotation**2) @ solid.radii_mm**2) * (1.0 + solid.lumps)
        # A superellipsoid of power > 2 fills more of its box than the ellipsoid does.
        if solid.power > 2.0:
            half = np.abs(solid.rotation) @ solid.radii_mm * (1.0 + solid.lumps)
        return solid.centre_mm - half, solid.centre_mm + half
    z, x, y, half_x, half_y = solid.sections.T
    low = np.array([(x - half_x).min(), (y - half_y).min(), z.min()])
    return low, np.array([(x + half_x).max(), (y + half_y).max(), z.max()])


def _box(low: Vector, high: Vector, to_voxel: Affine, shape: Shape) -> npt.NDArray[np.int64]:
    """(3, 2) voxel index range that covers a box given in body millimetres, cut to the grid.

    The grid may be turned against the body, so all eight corners are brought to voxels.
    """
    corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, -1)
    index = to_voxel[:3, :3] @ corners + to_voxel[:3, 3:]
    limits = np.asarray(shape)
    start = np.clip(np.floor(index.min(axis=1)), 0, limits)
    stop = np.clip(np.ceil(index.max(axis=1)) + 1, 0, limits)
    return np.stack([start, stop], axis=1).astype(np.int64)


@numba.njit(cache=True, inline="always")
def _set(regions, hu, i, j, k, radius, allowed, values):  # type: ignore[no-untyped-def]
    if allowed[regions[i, j, k]]:
        regions[i, j, k] = np.uint8(values[0])
        hu[i, j, k] = values[2] if radius >= values[3] else values[1]


@numba.njit(cache=True)
def _ellipsoid(  # type: ignore[no-untyped-def]
    regions, hu, to_body, box, allowed, values, centre, inverse, power, lumps, planes
):
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                x = to_body[0, 0] * i + to_body[0, 1] * j + to_body[0, 2] * k + to_body[0, 3]
                y = to_body[1, 0] * i + to_body[1, 1] * j + to_body[1, 2] * k + to_body[1, 3]
                z = to_body[2, 0] * i + to_body[2, 1] * j + to_body[2, 2] * k + to_body[2, 3]
                dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
                u = abs(inverse[0, 0] * dx + inverse[0, 1] * dy + inverse[0, 2] * dz)
                v = abs(inverse[1, 0] * dx + inverse[1, 1] * dy + inverse[1, 2] * dz)
                w = abs(inverse[2, 0] * dx + inverse[2, 1] * dy + inverse[2, 2] * dz)
                # most voxels of the box end here, before a root or a power has to be taken
                limit = 1.0 + lumps
                if u > limit or v > limit or w > limit:
                    continue
                if power == 2.0:
                    radius = np.sqrt(u * u + v * v + w * w)
                else:
                    radius = (u**power + v**power + w**power) ** (1.0 / power)
                if lumps > 0.0:  # wavelengths of 5 to 7 cm in body mm: the same on every grid
                    radius += lumps * np.sin(0.11 * x + 1.3) * np.sin(0.13 * y) * np.cos(0.09 * z)
                if radius > 1.0:
                    continue
                inside = True
                for p in range(planes.shape[0]):
                    if planes[p, 0] * x + planes[p, 1] * y + planes[p, 2] * z < planes[p, 3]:
                        inside = False
                if inside:
                    _set(regions, hu, i, j, k, radius, allowed, values)


@numba.njit(cache=True)
def _cone(regions, hu, to_body, box, allowed, values, a, b, ra, rb):  # type: ignore[no-untyped-def]
    # one piece of a tube: a ball of radius ra at a, one of rb at b, and the cone between them
    ab = b - a
    length2 = max(ab[0] * ab[0] + ab[1] * ab[1] + ab[2] * ab[2], 1e-9)
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                x = to_body[0, 0] * i + to_body[0, 1] * j + to_body[0, 2] * k + to_body[0, 3] - a[0]
                y = to_body[1, 0] * i + to_body[1, 1] * j + to_body[1, 2] * k + to_body[1, 3] - a[1]
                z = to_body[2, 0] * i + to_body[2, 1] * j + to_body[2, 2] * k + to_body[2, 3] - a[2]
                # the nearest point of the axis; beyond an end it is the end, which rounds the cap
                t = (x * ab[0] + y * ab[1] + z * ab[2]) / length2
                t = min(max(t, 0.0), 1.0)
                dx, dy, dz = x - t * ab[0], y - t * ab[1], z - t * ab[2]
                radius = np.sqrt(dx * dx + dy * dy + dz * dz) / (ra + t * (rb - ra))
                if radius <= 1.0:
                    _set(regions, hu, i, j, k, radius, allowed, values)


@numba.njit(cache=True)
def _loft(regions, hu, to_body, box, allowed, values, sections, power):  # type: ignore[no-untyped-def]
    last = sections.shape[0] - 1
    for i in range(box[0, 0], box[0, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for k in range(box[2, 0], box[2, 1]):
                x = to_body[0, 0] * i + to_body[0, 1] * j + to_body[0, 2] * k + to_body[0, 3]
                y = to_body[1, 0] * i + to_body[1, 1] * j + to_body[1, 2] * k + to_body[1, 3]
                z = to_body[2, 0] * i + to_body[2, 1] * j + to_body[2, 2] * k + to_body[2, 3]
                if z < sections[0, 0] or z > sections[last, 0]:
                    continue
                # z depends on i and j too, as the grid may be turned; there are 13 sections at most
                s = 0
                while s < last - 1 and z > sections[s + 1, 0]:
                    s += 1
                t = (z - sections[s, 0]) / (sections[s + 1, 0] - sections[s, 0])
                cx = sections[s, 1] + t * (sections[s + 1, 1] - sections[s, 1])
                cy = sections[s, 2] + t * (sections[s + 1, 2] - sections[s, 2])
                hx = sections[s, 3] + t * (sections[s + 1, 3] - sections[s, 3])
                hy = sections[s, 4] + t * (sections[s + 1, 4] - sections[s, 4])
                u, v = abs(x - cx) / hx, abs(y - cy) / hy
                if u > 1.0 or v > 1.0:
                    continue
                radius = (u**power + v**power) ** (1.0 / power)
                if radius <= 1.0:
                    _set(regions, hu, i, j, k, radius, allowed, values)
