"""The soft organs and the vessels."""

from __future__ import annotations

import numpy as np

from segment_actor.phantom.builder import ABDOMEN, CHEST, OTHER, SIDES, Builder, rotation_matrix
from segment_actor.phantom.render import Vector
from segment_actor.phantom.skeleton import spine_y
from segment_actor.phantom.trunk import MUSCLE_HU


def add_organs(b: Builder) -> None:
    """Adds the organs, in painting order; bones come on top."""
    _lungs(b)
    _heart(b)
    _airway_and_esophagus(b)
    _bowel(b)
    _upper_abdomen(b)
    _kidneys(b)
    _iliopsoas(b)
    _vessels(b)
    _bladder(b)


def _lungs(b: Builder) -> None:
    shift, _ = b.vary()
    hu = b.hu(-830.0, 18.0)

    # The fissures are seen on CT as thin lines of pleura: first the whole lung is painted as
    # pleura, then the lobes 1.3 mm away from the planes.
    def lobe(name: str, s: float, over: int, *planes: tuple[float, float, float, float]) -> None:
        material = b.material(name, hu, over={CHEST, over})
        away = [(*p[:3], p[3] + 1.3) for p in (_plane(b, p) for p in planes)]
        b.ellipsoid(material, (s * 70, -8, 440), (60, 112, 140), power=2.8, planes=away)

    # Oblique fissure: from the back at T4 down to the front at the diaphragm.
    c = 430.0 + float(shift[2]) * 2
    upper, lower = (0.0, 0.75, 0.66, 0.66 * c), (0.0, -0.75, -0.66, -0.66 * c)
    above, below = (0.0, 0.0, 1.0, c + 24), (0.0, 0.0, -1.0, -c - 24)
    for side, s in SIDES:
        name = f"lung_upper_lobe_{side}"
        pleura = b.material(name, -560.0, over={CHEST})
        b.ellipsoid(pleura, (s * 70, -8, 440), (60, 112, 140), power=2.8)
        lobe(f"lung_lower_lobe_{side}", s, b.ids[name], lower)
        if side == "right":
            lobe("lung_middle_lobe_right", s, b.ids[name], upper, below)
            lobe(name, s, b.ids[name], upper, above)
        else:
            lobe(name, s, b.ids[name], upper)


def _plane(b: Builder, plane: tuple[float, ...]) -> tuple[float, float, float, float]:
    """An atlas half-space (normal, offset) in patient millimetres."""
    normal = np.asarray(plane[:3])
    through = b.warp(normal * plane[3] / (normal @ normal))
    x, y, z = (float(v) for v in normal)
    return x, y, z, float(normal @ through)


def _heart(b: Builder) -> None:
    p = b.patient.attenuation
    shift, size = b.vary(0.8)

    def part(name: str, hu: float, centre: Vector | tuple[float, ...], *radii: float) -> None:
        b.ellipsoid(
            b.material(name, hu),
            np.asarray(centre) + shift,
            np.asarray(radii) * size,
            rotation=rotation_matrix(y_deg=-24.0),
        )

    b.ellipsoid(
        b.material(CHEST, -85.0), np.array((-10, 22, 408)) + shift, np.array((78, 56, 66)) * size
    )
    b.ellipsoid(b.material(CHEST, -85.0), (0, -14, 480), (34, 46, 84), power=2.6)
    right, left = b.enhanced_hu(p.right_heart, 10.0), b.enhanced_hu(p.arteries * 0.93, 10.0)
    part("heart_atrium_right", right, (34, 18, 408), 27, 30, 37)
    part("heart_atrium_left", left, (-6, -14, 426), 38, 21, 26)
    part("heart_ventricle_right", right, (-6, 50, 396), 40, 24, 42)
    part("heart_myocardium", b.enhanced_hu(p.myocardium), (-44, 22, 400), 36, 35, 46)
    part("heart_ventricle_left", left, (-44, 22, 402), 24, 23, 34)
    lung_artery = b.material("pulmonary_artery", b.enhanced_hu(p.lung_artery, 10.0))
    b.tube(lung_artery, [(-14, 48, 432), (-18, 30, 462)], 14, shift)
    b.tube(lung_artery, [(-18, 30, 462), (-36, 2, 466), (-58, -14, 462)], [13, 11, 9], shift)
    b.tube(lung_artery, [(-16, 26, 462), (14, 4, 462), (48, -8, 456)], [13, 11, 9], shift)


def _airway_and_esophagus(b: Builder) -> None:
    shift, size = b.vary(0.6)
    air = b.material("trachea", -985.0)
    b.tube(b.material(OTHER, 20.0), [(0, 14, 612), (0, -12, 486)], 12.5 * size, shift)
    b.tube(air, [(0, 14, 612), (0, -12, 486)], 10 * size, shift)
    b.tube(air, [(0, -12, 486), (34, -18, 462)], [8, 7], shift)
    b.tube(air, [(0, -12, 486), (-36, -20, 464)], [8, 7], shift)
    z = np.array((606, 560, 500, 440, 390, 352, 335))
    y = [spine_y(h) + f for h, f in zip(z, (26, 28, 30, 30, 34, 46, 62), strict=True)]
    path = np.column_stack([(0, -2, 2, 2, -4, -14, -34), y, z])
    b.tube(b.material("esophagus", b.hu(34.0)), path, 8.5 * size, shift)


def _bowel(b: Builder) -> None:
    shift, size = b.vary(1.4)
    rows = []
    for n, z in enumerate(np.linspace(206, 64, 6)):
        xs = np.linspace(-58, 58, 7) * (1 if n % 2 else -1)
        rows += [
            (x, 26 + 22 * np.cos(1.9 * k + n), z + 5 * np.sin(1.3 * k)) for k, x in enumerate(xs)
        ]
    b.tube(
        b.material("small_bowel", b.hu(18.0), b.hu(52.0), 0.8), np.array(rows), 13.5 * size, shift
    )
    colon = b.material("colon", b.hu(-240.0, 120.0), b.hu(40.0), 0.82)
    right = [(84, 10, 84), (90, -4, 130), (92, -8, 180), (84, 12, 214)]
    across = [(84, 12, 214), (58, 58, 212), (4, 66, 196), (-52, 60, 216), (-92, 20, 246)]
    left = [(-92, 20, 246), (-98, -8, 190), (-96, -10, 130), (-84, 6, 88)]
    end = [(-84, 6, 88), (-58, 24, 62), (-24, 6, 74), (0, -34, 62), (0, -40, 10), (0, -34, -30)]
    for part, radius in ((right, 21.0), (across, 18.0), (left, 17.0), (end, 15.0)):
        b.tube(colon, part, radius * size, shift)


def _upper_abdomen(b: Builder) -> None:
    p, age = b.patient.attenuation, b.patient.decades_from_55
    shift, size = b.vary()
    liver = b.material("liver", b.enhanced_hu(p.liver))
    b.ellipsoid(
        liver, np.array((66, 2, 298)) + shift, np.array((60, 76, 72)) * size, power=2.3, lumps=0.04
    )
    b.ellipsoid(liver, np.array((4, 42, 314)) + shift, np.array((72, 36, 40)) * size, lumps=0.04)
    shift, size = b.vary()
    stomach = b.material("stomach", b.hu(24.0, 10.0), b.hu(58.0), 0.84)
    b.ellipsoid(stomach, np.array((-58, 18, 308)) + shift, np.array((42, 44, 40)) * size)
    b.tube(
        stomach,
        [(-62, 24, 296), (-50, 44, 256), (-14, 54, 238), (22, 48, 244)],
        [36 * size, 27 * size, 22 * size, 15 * size],
        shift,
    )
    b.ellipsoid(b.material("stomach", -930.0), np.array((-58, 44, 306)) + shift, (22, 13, 22))
    if "spleen" not in b.patient.missing:
        shift, size = b.vary(1.2)
        b.ellipsoid(
            b.material("spleen", b.enhanced_hu(p.spleen)),
            np.array((-98, -38, 300)) + shift,
            np.array((24, 42, 50)) * size,
            rotation=rotation_matrix(x_deg=20),
            power=2.3,
        )
    if "gallbladder" not in b.patient.missing:
        shift, size = b.vary()
        b.ellipsoid(
            b.material("gallbladder", b.hu(9.0, 3.0)),
            np.array((46, 58, 244)) + shift,
            np.array((16, 17, 27)) * size,
        )
    shift, size = b.vary(0.8)
    # Pancreas shrinks with age (paper: volume r_s -0.49).
    shrink = size * (1.0 - 0.045 * age)
    b.tube(
        b.material("duodenum", b.hu(30.0), b.hu(50.0), 0.8),
        [(26, 44, 248), (54, 26, 256), (62, 12, 226), (50, 4, 198), (14, -2, 192), (-18, 2, 204)],
        [12, 13, 13, 13, 12, 12],
        shift,
    )
    b.tube(
        b.material("pancreas", b.enhanced_hu(p.pancreas)),
        [(38, 18, 226), (30, 22, 244), (4, 34, 260), (-34, 18, 268), (-72, -14, 280)],
        list(np.array((15.5, 17, 13, 14, 13)) * shrink),
        shift,
    )


def _kidneys(b: Builder) -> None:
    p, age = b.patient.attenuation, b.patient.decades_from_55
    for side, s in SIDES:
        shift, size = b.vary()
        # Kidneys shrink with age (paper: volume r_s -0.49).
        size *= 1.0 - 0.03 * age
        z = 226.0 if s > 0 else 240.0
        if f"kidney_{side}" not in b.patient.missing:
            kidney = b.material(
                f"kidney_{side}", b.enhanced_hu(p.renal_medulla), b.enhanced_hu(p.kidney), 0.7
            )
            b.ellipsoid(
                kidney,
                np.array((s * 66, -46, z)) + shift,
                np.array((28, 27, 54)) * size,
                rotation=rotation_matrix(y_deg=s * 12),
                power=2.2,
            )
        if f"adrenal_gland_{side}" not in b.patient.missing:
            gland = b.material(f"adrenal_gland_{side}", b.enhanced_hu(p.spleen * 0.6))
            b.ellipsoid(b.material(ABDOMEN, -102.0), np.array((s * 40, -34, z + 60)), (14, 16, 21))
            b.ellipsoid(
                gland,
                np.array((s * 40, -34, z + 60)) + shift * 0.5,
                (9, 11, 17),
                rotation=rotation_matrix(y_deg=-s * 20),
            )


def _iliopsoas(b: Builder) -> None:
    age = b.patient.decades_from_55
    for side, s in SIDES:
        _, size = b.vary()
        # Iliopsoas shrinks with age (paper: volume r_s -0.61, HU -0.57).
        size *= 1.0 - 0.035 * age
        z = np.array((270, 220, 160, 110, 60, 20, -20, -60))
        x = np.array((30, 40, 50, 62, 78, 88, 98, 106)) * s
        y = np.array((-44, -40, -36, -28, 8, 34, 28, 2))
        r = np.array((9, 17, 22, 25, 23, 18, 14, 9)) * size
        path = np.column_stack([x, y, z])
        b.tube(b.material(ABDOMEN, -95.0), path, list(r + 2.5))
        b.tube(b.material(f"iliopsoas_{side}", b.hu(MUSCLE_HU) - 6.5 * age), path, list(r))


def _vessels(b: Builder) -> None:
    p, age = b.patient.attenuation, b.patient.decades_from_55
    shift, size = b.vary(0.6)
    arteries, veins = b.enhanced_hu(p.arteries, 12.0), b.enhanced_hu(p.veins, 10.0)
    vein = b.material("inferior_vena_cava", veins)
    b.tube(
        vein,
        [(18, -14, 152), (20, -12, 220), (24, -4, 290), (26, 0, 350), (30, 10, 384)],
        [10.5, 11.5, 12.5, 13, 13],
        shift,
    )
    portal = b.material("portal_vein_and_splenic_vein", b.enhanced_hu(p.portal, 10.0))
    b.tube(
        portal,
        [(52, 22, 292), (22, 12, 272), (-4, 12, 268), (-44, -2, 282), (-78, -24, 294)],
        [9, 8.5, 7.5, 6.5, 6],
        shift,
    )
    # The aorta widens with age (paper: volume r_s 0.64), the iliac arteries less (0.33).
    wide = size * (1.0 + 0.045 * age)
    aorta = b.material("aorta", arteries)
    b.tube(
        aorta,
        [
            (-12, 22, 432),
            (6, 22, 458),
            (10, 14, 488),
            (-6, -8, 512),
            (-24, -32, 502),
            (-27, -40, 470),
            (-22, -40, 400),
            (-10, -30, 330),
            (-4, -18, 270),
            (-5, -12, 210),
            (-3, -12, 158),
        ],
        list(np.array((14, 14.5, 14, 13, 12.5, 12, 11.5, 11, 10, 9.5, 9)) * wide),
        shift,
    )
    narrow = size * (1.0 + 0.015 * age)
    pelvic_veins = veins + (p.pelvic_veins - p.veins)
    for side, s in SIDES:
        b.tube(
            b.material(f"iliac_vena_{side}", pelvic_veins),
            [(18, -16, 148), (s * 34, -30, 104), (s * 50, -6, 50), (s * 52, 34, 4)],
            7.6 * size,
            shift,
        )
        b.tube(
            b.material(f"iliac_artery_{side}", arteries),
            [(s * 4, -12, 150), (s * 38, -10, 106), (s * 60, 22, 44), (s * 68, 48, 2)],
            7.0 * narrow,
            shift,
        )


def _bladder(b: Builder) -> None:
    shift, size = b.vary()
    b.ellipsoid(
        b.material("urinary_bladder", b.enhanced_hu(b.patient.attenuation.urine, 3.0)),
        np.array((0, 30, 22)) + shift * 0.6,
        np.array((38, 32, 31)) * size * np.exp(b.vary()[0][0] * 0.02),
        power=2.2,
    )
