"""The walls: outline of the body, muscles, the cavities of chest and abdomen, the head."""

from __future__ import annotations

import numpy as np

from segment_actor.phantom.builder import (
    ABDOMEN,
    BONE,
    CHEST,
    FAT,
    MUSCLE,
    SIDES,
    Builder,
    rotation_matrix,
)
from segment_actor.phantom.skeleton import RIB_DEPTH, RIB_WIDTH, VERTEBRAE, spine_y

TORSO = (
    (-75, 0, -18, 130, 88), (-40, 0, -16, 168, 104), (20, 0, -18, 176, 114),
    (100, 0, -16, 164, 108),
    (200, 0, -8, 148, 104), (300, 0, -6, 156, 112), (400, 0, -8, 164, 116), (480, 0, -14, 168, 112),
    (545, 0, -22, 172, 92), (580, 0, -20, 120, 74), (602, 0, -14, 66, 60), (660, 0, -8, 60, 62),
    (712, 0, 0, 62, 70),
)  # fmt: skip
"""Sections of the muscle wall: z, centre x, centre y, half-widths (mm)."""

ABDOMINAL_CAVITY = (
    (-46, 0, 8, 44, 44), (0, 0, 0, 66, 66), (60, 0, -4, 98, 84), (120, 0, 4, 118, 88),
    (200, 0, 4, 124, 90), (260, 0, 2, 126, 92), (315, 0, 2, 120, 90), (342, 0, 2, 104, 78),
    (362, 0, 2, 74, 54), (374, 0, 2, 30, 22),
)  # fmt: skip

MUSCLE_HU = 56.0
MUSCLE_LOSS_HU = 6.0
"""HU that muscle loses in a decade: fat infiltration (paper: autochthon r_s -0.74)."""


def add_walls(b: Builder) -> None:
    """Adds everything that organs lie in, in painting order."""
    _outline(b)
    _muscles(b)
    _cavities(b)
    _head(b)


def _outline(b: Builder) -> None:
    fat = b.material(FAT, -98.0)
    muscle = b.material(MUSCLE, MUSCLE_HU - MUSCLE_LOSS_HU * b.patient.decades_from_55)
    thickness = b.patient.fat_mm
    b.loft(fat, TORSO, grow_mm=thickness, power=2.3)
    for s in (-1.0, 1.0):
        leg = [(s * 92, -6, -30), (s * 96, -6, -120), (s * 100, -6, -470)]
        arm = [(s * 158, -22, 545), (s * 190, -22, 640), (s * 194, -18, 870)]
        b.tube(fat, leg, [82, 80, 56])
        b.tube(fat, arm, [48, 44, 36])
        b.tube(muscle, leg, [74, 70, 46])
        b.tube(muscle, arm, [42, 37, 29])
    b.loft(muscle, TORSO, power=2.3)


def _muscles(b: Builder) -> None:
    age = b.patient.decades_from_55
    gap = b.material(FAT, -90.0)
    for side, s in SIDES:
        for name, centre, radii, turn, loss in (
            ("gluteus_maximus", (s * 82, -92, 12), (58, 27, 76), (0.0, s * 12.0, s * 24.0), 5.0),
            ("gluteus_medius", (s * 122, -32, 76), (21, 46, 52), (0.0, s * 16.0, s * 20.0), 6.5),
            ("gluteus_minimus", (s * 106, -6, 56), (13, 32, 38), (0.0, s * 16.0, s * 22.0), 11.0),
        ):
            shift, size = b.vary()
            size *= 1.0 - 0.012 * age
            centre_mm = np.asarray(centre, np.float64) + shift * 0.5
            turned = rotation_matrix(*turn)
            b.ellipsoid(gap, centre_mm, np.asarray(radii) * size + 3, rotation=turned, power=2.4)
            muscle = b.material(f"{name}_{side}", b.hu(MUSCLE_HU) - loss * age)
            b.ellipsoid(muscle, centre_mm, np.asarray(radii) * size, rotation=turned, power=2.4)
        _, size = b.vary()
        z = np.linspace(70, 570, 16)
        path = np.column_stack([np.interp(z, (70, 250, 570), (22, 34, 20)) * s,
                                [spine_y(h) - 42 for h in z], z])  # fmt: skip
        radius = np.interp(z, (70, 150, 260, 420, 570), (16, 25, 26, 19, 12)) * size
        b.tube(gap, path, list(radius + 3))
        b.tube(b.material(f"autochthon_{side}", b.hu(MUSCLE_HU) - 8.5 * age), path, list(radius))


def _cavities(b: Builder) -> None:
    top = list(VERTEBRAE.values())[7:]
    sections: list[tuple[float, ...]] = [(566, 0, 0, 26, 22)]
    for n in range(11):
        z = top[n] - RIB_DROP_MEAN[n]
        back = spine_y(top[n]) - 4
        depth = RIB_DEPTH[n] - 9
        sections.append((z, 0, back + depth, RIB_WIDTH[n] - 9, depth))
    sections.sort()
    b.loft(b.material(CHEST, -85.0), sections, power=2.2)
    b.loft(b.material(MUSCLE, 50.0), ABDOMINAL_CAVITY, grow_mm=4.0, power=2.2)
    b.loft(b.material(ABDOMEN, -102.0), ABDOMINAL_CAVITY, power=2.2)


RIB_DROP_MEAN = (8, 14, 20, 26, 30, 34, 36, 36, 34, 30, 18)
"""How far a rib's middle lies below its head (mm): the chest wall follows the ribs."""


def _head(b: Builder) -> None:
    b.ellipsoid(b.material(FAT, -60.0), (0, 4, 752), (80, 98, 96), power=2.2)
    _, size = b.vary(0.5)
    b.ellipsoid(
        b.material("face", b.hu(28.0)), (0, 68, 708), (52 * size, 36 * size, 52 * size), power=2.6
    )
    b.ellipsoid(b.material("face", -850.0), (0, 62, 716), (13, 15, 17))
    b.ellipsoid(b.material(BONE, 800.0), (0, -4, 768), (72, 86, 70), power=2.2)
    b.ellipsoid(b.material("brain", b.hu(35.0, 2.0)), (0, -4, 768), (64, 78, 62), power=2.2)
