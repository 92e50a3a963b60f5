"""Turns atlas coordinates of an average body into the solids of one patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from segment_actor.anatomy import Schema
from segment_actor.phantom.patient import Patient
from segment_actor.phantom.render import Ellipsoid, Loft, Material, Solid, Tube, Vector

# Regions that no structure of the schema names; ids above every structure id, cleared in the truth.
FAT, MUSCLE, CHEST, ABDOMEN, BONE, OTHER = 201, 202, 203, 204, 205, 206

RIGHT, LEFT = 1.0, -1.0
SIDES: tuple[tuple[str, float], ...] = (("right", RIGHT), ("left", LEFT))

SIZE_JITTER = 0.05
"""Standard deviation of an organ's relative size between people (log scale)."""

PLACE_JITTER_MM = 2.5
"""Standard deviation of an organ's place between people, each axis."""

HU_JITTER = 6.0
"""Standard deviation of a soft organ's mean HU between people."""


class Builder:
    """Collects solids. All coordinates given to it are millimetres in the atlas body.

    The atlas is RAS with z = 0 at the hip joints and x = 0 in the midline; `warp` takes a point of
    the atlas to the patient: height, girth, a sideways and a front-back curve of the spine.
    """

    def __init__(self, patient: Patient, schema: Schema) -> None:
        self.patient = patient
        self.ids: Mapping[str, int] = schema.ids
        self.solids: list[Solid] = []
        rng = np.random.default_rng([patient.seed, 2])
        self._bend_mm = rng.normal(0.0, (4.0, 3.0))
        self._phase = rng.uniform(0.0, 2.0 * np.pi, 2)
        self._curvature = rng.uniform(500.0, 900.0, 2)
        self._rng = rng

    def warp(self, points: Sequence[float] | Sequence[Sequence[float]] | Vector) -> Vector:
        """(..., 3) atlas mm to (..., 3) patient mm."""
        p = np.asarray(points, np.float64)
        z = p[..., 2] * self.patient.height
        wave = self._bend_mm * np.sin(2 * np.pi * z[..., None] / self._curvature + self._phase)
        x = p[..., 0] * self.patient.girth + wave[..., 0]
        y = p[..., 1] * self.patient.girth + wave[..., 1]
        return np.stack([x, y, z], axis=-1)

    def vary(self, scale: float = 1.0) -> tuple[Vector, float]:
        """A random shift (3,) in mm and a random size factor, for one organ."""
        shift = self._rng.normal(0.0, PLACE_JITTER_MM * scale, 3)
        return shift, float(np.exp(self._rng.normal(0.0, SIZE_JITTER * scale)))

    def hu(self, mean: float, jitter: float = HU_JITTER) -> float:
        """The patient's own HU of a tissue with this mean."""
        return float(mean + self._rng.normal(0.0, jitter))

    def enhanced_hu(self, mean: float, jitter: float = HU_JITTER) -> float:
        """The patient's own HU of a tissue that contrast medium reaches.

        Attenuations that were drawn for the patient are the patient's own already: aorta and caval
        vein, which are one blood, would differ by more than they do (4 HU without contrast medium,
        PubMed 8516469).
        """
        typical = self.hu(mean, jitter)
        return typical if self.patient.own_attenuation is None else mean

    def material(
        self,
        region: str | int,
        hu: float,
        shell_hu: float = float("nan"),
        shell: float = 1.0,
        over: Iterable[int] = (),
    ) -> Material:
        """A material by structure name or region id."""
        number = self.ids[region] if isinstance(region, str) else region
        return Material(number, hu, shell_hu, shell, frozenset(over))

    def ellipsoid(  # noqa: PLR0913  # a solid has that many degrees of freedom
        self,
        material: Material,
        centre: Sequence[float] | Vector,
        radii: Sequence[float] | Vector,
        *,
        rotation: Vector | None = None,
        power: float = 2.0,
        lumps: float = 0.0,
        planes: Sequence[tuple[float, float, float, float]] = (),
    ) -> None:
        """Adds an ellipsoid; radii in mm along its own axes, scaled with the body."""
        size = (self.patient.girth * self.patient.girth * self.patient.height) ** (1.0 / 3.0)
        self.solids.append(
            Ellipsoid(
                self.warp(centre),
                np.asarray(radii, np.float64) * size,
                material,
                np.eye(3) if rotation is None else rotation,
                power,
                lumps,
                np.asarray(planes, np.float64).reshape(-1, 4),
            )
        )

    def tube(
        self,
        material: Material,
        points: Sequence[Sequence[float]] | Vector,
        radii: float | Sequence[float],
        shift: Vector | None = None,
    ) -> None:
        """Adds a chain of round cones through the points."""
        path = self.warp(np.asarray(points, np.float64) + (0.0 if shift is None else shift))
        r = np.broadcast_to(np.asarray(radii, np.float64), (len(path),)) * self.patient.girth
        self.solids.append(Tube(path, np.ascontiguousarray(r), material))

    def loft(
        self,
        material: Material,
        sections: Sequence[Sequence[float]] | Vector,
        *,
        grow_mm: float = 0.0,
        power: float = 2.0,
    ) -> None:
        """Adds stacked ellipses: rows of z, centre x, centre y, half-width x, half-width y."""
        table = np.array(sections, np.float64)
        centres = self.warp(np.stack([table[:, 1], table[:, 2], table[:, 0]], axis=1))
        half = table[:, 3:] * self.patient.girth + grow_mm
        self.solids.append(
            Loft(np.column_stack([centres[:, 2], centres[:, :2], half]), material, power)
        )


def rotation_matrix(x_deg: float = 0.0, y_deg: float = 0.0, z_deg: float = 0.0) -> Vector:
    """(3, 3) rotation about the x, then y, then z axis, in degrees."""
    a, b, c = np.deg2rad([x_deg, y_deg, z_deg])
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    product: Vector = rz @ ry @ rx
    return product
