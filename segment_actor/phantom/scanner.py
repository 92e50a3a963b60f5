"""The scanner: a body becomes a CT (grid, field of view, blur, noise, table) and its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from segment_actor.anatomy import Schema
from segment_actor.phantom.body import Z_KNEE_MM, Z_TOP_MM, build_body
from segment_actor.phantom.builder import rotation_matrix
from segment_actor.phantom.patient import Patient
from segment_actor.phantom.render import Vector, paint_solids
from segment_actor.volume import Affine, FloatArray, LabelArray, Shape, SpacingMm, Volume

FIELDS_OF_VIEW: dict[str, tuple[float, float]] = {
    "thorax": (325.0, 600.0),
    "abdomen": (60.0, 400.0),
    "trunk": (-70.0, 600.0),
    "pelvis_and_thighs": (-250.0, 200.0),
    "head_and_neck": (480.0, Z_TOP_MM),
    "head_to_knee": (Z_KNEE_MM, Z_TOP_MM),
}
"""Lower and upper end along the body (atlas mm above the hip joints)."""

FIELD_OF_VIEW_SHARES = (0.25, 0.25, 0.25, 0.08, 0.07, 0.10)

SPACINGS_MM = (
    (3.0, 3.0, 3.0), (3.0, 3.0, 3.0), (3.0, 3.0, 4.0), (3.0, 3.0, 5.0), (2.5, 2.5, 3.0),
    (3.4, 3.4, 3.0),
)  # fmt: skip
"""Voxel sizes that protocols draw from: coarse, so that a laptop can run a cohort of phantoms."""

HALF_WIDTH_MM = (178.0, 116.0)
"""Half of a torso without fat, left-right and front-back, for a body of girth 1."""

ARMS_MM = 26.0
"""Raised arms reach this much farther to the side than the torso."""

ARMS_ABOVE_MM = 500.0
"""Above this height (atlas mm) the arms are in the field of view."""

AXIS_CODES = ("RAS", "LPS", "LAS", "RPI", "SAR", "PSL")


@dataclass(frozen=True, slots=True)
class Protocol:
    """How the CT is taken.

    Attributes:
        field_of_view: a key of `FIELDS_OF_VIEW`.
        spacing_mm: voxel size along x, y, z.
        tilt_deg: rotation of the body on the table about x, y, z.
        noise_hu: standard deviation of the noise.
        orientation: axis codes of the stored array, e.g. LPS.
        seed: of the generator that draws the noise and the patient's place on the table.
    """

    field_of_view: str
    spacing_mm: SpacingMm
    tilt_deg: SpacingMm
    noise_hu: float
    orientation: str
    seed: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the voxels of a phantom's CT are.

    Attributes:
        shape: (I, J, K) voxels.
        affine: (4, 4), voxel index to RAS millimetres of the scanner.
    """

    shape: Shape
    affine: Affine


def draw_protocol(seed: int, field_of_view: str | None = None) -> Protocol:
    """Draws how a patient is scanned."""
    rng = np.random.default_rng([seed, 3])
    views = list(FIELDS_OF_VIEW)
    drawn = views[int(rng.choice(len(views), p=FIELD_OF_VIEW_SHARES))]
    x, y, z = rng.normal(0.0, (2.0, 1.5, 2.0))
    return Protocol(
        field_of_view=field_of_view or drawn,
        spacing_mm=SPACINGS_MM[int(rng.integers(len(SPACINGS_MM)))],
        tilt_deg=(float(x), float(y), float(z)),
        noise_hu=float(rng.uniform(6.0, 24.0)),
        orientation=AXIS_CODES[int(rng.integers(len(AXIS_CODES)))],
        seed=seed,
    )


def scan_grid(patient: Patient, protocol: Protocol) -> Grid:
    """The RAS grid of the CT."""
    rng = np.random.default_rng([protocol.seed, 4])
    low, high = (z * patient.height for z in FIELDS_OF_VIEW[protocol.field_of_view])
    low, high = low + rng.normal(0.0, 8.0), high + rng.normal(0.0, 8.0)
    half = np.asarray(HALF_WIDTH_MM) * patient.girth + patient.fat_mm + 10.0
    if FIELDS_OF_VIEW[protocol.field_of_view][1] > ARMS_ABOVE_MM:
        half[0] += ARMS_MM
    centre = rng.normal(0.0, 3.0, 2) + np.array((0.0, -16.0))
    start = np.array([centre[0] - half[0], centre[1] - half[1], low])
    extent = np.array([2 * half[0], 2 * half[1], high - low])
    i, j, k = (int(n) for n in np.ceil(extent / protocol.spacing_mm))
    affine = np.diag([*protocol.spacing_mm, 1.0])
    affine[:3, 3] = start
    return Grid((i, j, k), affine)


def body_from_scanner(protocol: Protocol) -> Affine:
    """(4, 4): scanner mm to body mm; the body lies slightly turned on the table."""
    matrix = np.eye(4)
    centre_z = float(np.mean(FIELDS_OF_VIEW[protocol.field_of_view]))
    turn: Vector = rotation_matrix(*protocol.tilt_deg)
    pivot = np.array([0.0, -20.0, centre_z])
    matrix[:3, :3] = turn
    matrix[:3, 3] = pivot - turn @ pivot
    return matrix


def truth_on_grid(patient: Patient, protocol: Protocol, schema: Schema, grid: Grid) -> LabelArray:
    """The labels of all structures on any grid: (I, J, K) uint8."""
    regions, _ = _paint(patient, protocol, schema, grid)
    regions[regions > len(schema.structures)] = 0
    return regions


def scan_phantom(patient: Patient, protocol: Protocol, schema: Schema) -> tuple[Volume, LabelArray]:
    """Takes the CT.

    Returns:
        the CT in RAS, and the truth on its grid. `jobs.phantom` stores both in the protocol's
        orientation.
    """
    grid = scan_grid(patient, protocol)
    regions, hu = _paint(patient, protocol, schema, grid)
    rng = np.random.default_rng([protocol.seed, 5])
    _add_table(hu, grid, protocol)
    hu = _add_texture(hu, regions, grid, rng)
    # The scanner's point spread: 0.9 mm standard deviation in the plane of the slice.
    hu = ndimage.gaussian_filter(hu, 0.9 / np.asarray(protocol.spacing_mm))
    noise = rng.standard_normal(hu.shape, np.float32)
    hu += protocol.noise_hu * ndimage.gaussian_filter(noise, (0.5, 0.5, 0.0)) / 0.66
    regions[regions > len(schema.structures)] = 0
    stored = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    return Volume(stored, grid.affine), regions


def _paint(
    patient: Patient, protocol: Protocol, schema: Schema, grid: Grid
) -> tuple[LabelArray, FloatArray]:
    to_body = body_from_scanner(protocol) @ grid.affine
    return paint_solids(build_body(patient, schema), grid.shape, to_body)


def _add_table(hu: FloatArray, grid: Grid, protocol: Protocol) -> None:
    """A curved carbon shell under the patient, wherever there is air."""
    i, j = np.ogrid[: grid.shape[0], : grid.shape[1]]
    x = i * protocol.spacing_mm[0] + grid.affine[0, 3]
    y = j * protocol.spacing_mm[1] + grid.affine[1, 3]
    top = grid.affine[1, 3] + 3.0 + (x / 210.0) ** 2 * 14.0
    shell = (y > top) & (y < top + 3.5)
    mask = shell[:, :, None] & (hu < -900.0)
    hu[mask] = -420.0


def _add_texture(
    hu: FloatArray, regions: LabelArray, grid: Grid, rng: np.random.Generator
) -> FloatArray:
    """Slow differences within tissue, and marbling of fat in muscle: 5 HU, 12 mm wide."""
    shape = tuple(
        max(2, round(n * s / 12.0)) for n, s in zip(grid.shape, _spacing(grid), strict=True)
    )
    coarse = rng.standard_normal(shape, np.float32) * 5.0
    zoom = [n / m for n, m in zip(grid.shape, shape, strict=True)]
    texture = ndimage.zoom(coarse, zoom, order=1)[: hu.shape[0], : hu.shape[1], : hu.shape[2]]
    inside = regions > 0
    hu[inside] += texture[inside]
    return hu


def _spacing(grid: Grid) -> Vector:
    return np.diag(grid.affine)[:3]
