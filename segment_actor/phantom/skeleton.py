"""The bones: spine, ribs, shoulder girdle, pelvis, legs, skull."""

from __future__ import annotations

import numpy as np

from segment_actor.phantom.builder import BONE, OTHER, SIDES, Builder, rotation_matrix
from segment_actor.phantom.render import Material

# z of the vertebral bodies' centres in the atlas (mm above the hip joints), C1 .. L5: pitches of
# 17 mm in the neck to 35 mm in the loins, which sum to a spine of a person of 1.72 m.
VERTEBRAE: dict[str, float] = dict(
    zip(
        [*(f"C{n}" for n in range(1, 8)), *(f"T{n}" for n in range(1, 13)),
         *(f"L{n}" for n in range(1, 6))],
        [683, 663, 643, 625, 607, 589, 571, 551, 531, 510, 489, 468, 446, 424, 402, 379, 355,
         331, 306, 278, 247, 214, 180, 146],
        strict=True,
    )
)  # fmt: skip

SPINE_Y = (
    (0.0, 70.0, 120.0, 180.0, 250.0, 330.0, 430.0, 500.0, 560.0, 620.0, 690.0),
    (-60.0, -78.0, -62.0, -48.0, -48.0, -60.0, -72.0, -68.0, -50.0, -36.0, -30.0),
)
"""Front-back place of the vertebral bodies (mm) over z: lordosis, kyphosis, lordosis."""

# Half-axes of each rib's ellipse (mm), how far its front end hangs below its back end (mm), and
# how far round it goes (degrees from the spine; 180 is the midline in front).
RIB_WIDTH = (62, 88, 106, 118, 126, 132, 136, 138, 137, 133, 127, 118)
RIB_DEPTH = (56, 72, 84, 91, 96, 99, 101, 102, 101, 98, 94, 90)
RIB_DROP = (30, 42, 52, 62, 72, 80, 86, 90, 90, 84, 52, 30)
RIB_END_DEG = (140, 146, 148, 148, 146, 142, 138, 132, 124, 114, 84, 60)
RIB_RADIUS_MM = 6.2

TRABECULAR_LOSS_HU = 14.0
"""HU that spongy bone loses in a decade: L4 and hip fall with age (paper, r_s -0.55, -0.61)."""

METAL_HU = 2900.0


def spine_y(z: float) -> float:
    """Front-back place of the spine at height z, mm."""
    return float(np.interp(z, *SPINE_Y))


def bone_material(b: Builder, region: str | int, inside: float, shell: float = 0.72) -> Material:
    """Cortical bone around spongy bone; both lose density with age."""
    loss = TRABECULAR_LOSS_HU * b.patient.decades_from_55
    outer = b.hu(620.0, 25.0) - 1.5 * loss
    return b.material(region, b.hu(inside, 14.0) - loss, outer, shell)


def add_skeleton(b: Builder) -> None:
    """Adds all bones in painting order."""
    _skull(b)
    _spine(b)
    _ribs(b)
    for side, s in SIDES:
        _shoulder(b, side, s)
        _hip_and_leg(b, side, s)
    _implant(b)


def _skull(b: Builder) -> None:
    jaw = b.material(BONE, 700.0)
    b.tube(jaw, [(-48, 18, 690), (-34, 66, 668), (0, 82, 664), (34, 66, 668), (48, 18, 690)], 7.0)
    b.tube(jaw, [(-40, 50, 712), (0, 84, 705), (40, 50, 712)], 7.0)


def _spine(b: Builder) -> None:
    names = list(VERTEBRAE)
    z_of = list(VERTEBRAE.values())
    spongy = b.hu(210.0, 16.0)
    b.loft(
        bone_material(b, "sacrum", 190.0, 0.86),
        [(18, 0, -66, 14, 10), (45, 0, -82, 30, 16), (85, 0, -80, 46, 22), (124, 0, -68, 54, 24)],
        power=2.6,
    )
    for n, name in enumerate(names):
        z = z_of[n]
        below = z_of[n + 1] if n + 1 < len(z_of) else z - 36
        above = z_of[n - 1] if n else z + 20
        pitch = (above - below) / 2
        # Width of a vertebral body: 12 mm half-width in the neck to 25 mm at L5.
        half_width = float(np.interp(z, (150, 300, 540, 680), (25, 21, 15, 13)))
        y = spine_y(z)
        material = bone_material(b, f"vertebrae_{name}", spongy, 0.8)
        half_height = pitch * 0.42
        b.ellipsoid(material, (0, y, z), (half_width, half_width * 0.78, half_height), power=5.0)
        arch = half_width * 0.78
        r = half_height * 0.5
        reach = float(np.interp(z, (150, 300, 540, 680), (38, 30, 34, 26)))
        canal_y = y - arch - 9
        for s in (-1.0, 1.0):
            b.tube(material, [(s * 12, y - arch + 2, z), (s * 15, canal_y, z)], r)
            b.tube(material, [(s * 15, canal_y, z), (s * reach, canal_y - 4, z)], [r, r * 0.7])
            b.tube(material, [(s * 15, canal_y, z), (0, canal_y - 13, z)], r * 0.9)
        b.tube(material, [(0, canal_y - 13, z), (0, canal_y - 32, z - pitch * 0.3)], r * 0.8)
        b.ellipsoid(b.material(OTHER, 35.0), (0, canal_y, z), (9, 8, pitch * 0.6), power=5.0)


def _ribs(b: Builder) -> None:
    for n in range(12):
        z0 = VERTEBRAE[f"T{n + 1}"] + 4
        back = spine_y(z0) - 10
        first = float(np.rad2deg(np.arcsin(26 / RIB_WIDTH[n])))
        angle = np.deg2rad(np.linspace(first, RIB_END_DEG[n], 14))
        x = RIB_WIDTH[n] * np.sin(angle)
        y = back + RIB_DEPTH[n] * (1 - np.cos(angle))
        z = z0 - RIB_DROP[n] * (1 - np.cos(angle)) / 2
        for side, s in SIDES:
            path = np.column_stack([s * x, y, z])
            if n < 10:
                end = path[-1]
                front = (s * 14, 74 if n < 7 else 62, min(float(end[2]) + 10, 525 - 16 * n))
                b.tube(b.material(OTHER, 95.0), [end, front], 5.0)
            b.tube(bone_material(b, f"rib_{side}_{n + 1}", 330.0, 0.6), path, RIB_RADIUS_MM)
    b.loft(b.material(BONE, 260.0, 500.0, 0.8), [(372, 0, 82, 12, 6), (530, 0, 66, 22, 8)])


def _shoulder(b: Builder, side: str, s: float) -> None:
    scapula = bone_material(b, f"scapula_{side}", 320.0, 0.6)
    b.ellipsoid(
        scapula, (s * 98, -92, 488), (46, 8, 66), rotation=rotation_matrix(z_deg=-s * 28), power=3
    )
    b.tube(scapula, [(s * 75, -105, 525), (s * 120, -88, 548), (s * 158, -40, 575)], [7, 8, 8])
    b.tube(scapula, [(s * 115, -75, 535), (s * 136, -38, 540)], [9, 15])
    collar = bone_material(b, f"clavicula_{side}", 300.0, 0.6)
    b.tube(
        collar,
        [(s * 22, 62, 545), (s * 70, 52, 562), (s * 112, 20, 578), (s * 150, -12, 585)],
        [9, 7, 7, 8],
    )
    arm = bone_material(b, f"humerus_{side}", 260.0, 0.7)
    b.tube(
        arm,
        [(s * 166, -22, 545), (s * 174, -24, 570), (s * 190, -22, 640), (s * 194, -18, 860)],
        [24, 21, 13, 13],
    )


def _hip_and_leg(b: Builder, side: str, s: float) -> None:
    hip = bone_material(b, f"hip_{side}", 230.0, 0.75)
    b.ellipsoid(
        hip,
        (s * 84, -38, 88),
        (11, 62, 52),
        rotation=rotation_matrix(y_deg=s * 18, z_deg=s * 32),
        power=2.6,
    )
    b.tube(hip, [(s * 62, -68, 88), (s * 82, -25, 40), (s * 88, 0, 14)], [12, 17, 26])
    b.ellipsoid(hip, (s * 90, 4, 2), (30, 32, 32))
    b.tube(hip, [(s * 78, 22, 2), (s * 45, 52, -4), (s * 9, 58, -18)], [13, 10, 11])
    b.tube(
        hip,
        [(s * 80, -18, -12), (s * 66, -36, -52), (s * 40, 8, -50), (s * 12, 50, -24)],
        [14, 16, 9, 9],
    )
    b.ellipsoid(b.material(OTHER, 60.0), (s * 94, 4, 0), (28, 28, 28))
    femur = bone_material(b, f"femur_{side}", 250.0, 0.7)
    b.ellipsoid(femur, (s * 94, 4, 0), (24.5, 24.5, 24.5))
    b.tube(femur, [(s * 94, 4, 0), (s * 134, -8, -48)], [17, 20])
    b.tube(
        femur,
        [(s * 140, -10, -30), (s * 130, -6, -70), (s * 116, 4, -250), (s * 100, -4, -470)],
        [17, 18, 14.5, 26],
    )


def _implant(b: Builder) -> None:
    """A metal hip replaces the head and the neck of the femur; metal has no label."""
    if b.patient.hip_implant is None:
        return
    s = dict(SIDES)[b.patient.hip_implant]
    metal = b.material(BONE, METAL_HU)
    b.ellipsoid(metal, (s * 94, 4, 0), (25, 25, 25))
    b.tube(metal, [(s * 94, 4, 0), (s * 130, -8, -45), (s * 126, -4, -130)], [12, 10, 6])
