"""`preview.png` of one CT: what was found, at a glance, before anybody opens a viewer.

Above, the CT with the outlines of its structures; below, bones, organs, muscles and vessels as one
sees them from the front.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from jobs.figures.pictures import TEXT as TEXT_COLOUR
from jobs.figures.pictures import (
    Rgb,
    blend_labels,
    dark_figure,
    draw_panel,
    fullest_plane,
    head_up,
    label_palette,
    save_dark_figure,
)
from segment_actor.anatomy import Schema
from segment_actor.grid.resampling import nearest_index
from segment_actor.layers import has_voxels
from segment_actor.segment import Segmented
from segment_actor.volume import FloatArray, LabelArray, SpacingMm

CATEGORIES = {"bone": "bones", "organ": "organs", "muscle": "muscles", "vessel": "vessels"}

PANEL_IN = 3.0
"""Width of a panel on paper, inches."""

FILL, OUTLINE = 0.35, 1.0
"""Opacity inside of a structure and at its edge: the CT stays visible."""

RENDER_MM = 2.0
"""Size of the voxels that are rendered: about as fine as the pixels of a panel."""

SMOOTH_VOXELS = 1.2
"""Gaussian sigma by which surfaces lose the steps of the voxels."""

LIGHT = (-0.35, 0.85, 0.4)
"""Where light comes from, RAS: from the front, a little from the reader's left and above."""

MOST_AXIAL = 4


def write_preview(segmented: Segmented, schema: Schema, title: str, path: Path) -> None:
    """Writes the PNG.

    Args:
        segmented: the CT with its labels.
        schema: names, ids and categories of the labels.
        title: one line above the picture.
        path: the PNG; its folder is made if it is missing.
    """
    x_mm, y_mm, z_mm = segmented.volume.spacing_mm
    width, depth, height = (
        n * s for n, s in zip(segmented.volume.shape, (x_mm, y_mm, z_mm), strict=True)
    )
    tall_in = PANEL_IN * height / width
    figure = dark_figure(4 * PANEL_IN + 0.5, 2 * tall_in + 1.1)
    figure.text(0.012, 0.985, title, color=TEXT_COLOUR, fontsize=10, va="top")
    top = 1 - 0.65 / (2 * tall_in + 1.1)
    grid = figure.add_gridspec(
        2, 4, left=0.01, right=0.99, top=top, bottom=0.01, wspace=0.03, hspace=0.2 / tall_in
    )
    coronal = _plane(segmented, 1, fullest_plane(segmented.labels, 1))
    draw_panel(figure.add_subplot(grid[0, 0]), coronal, z_mm / x_mm, "coronal")
    sagittal = _plane(segmented, 0, fullest_plane(segmented.labels, 0))
    draw_panel(figure.add_subplot(grid[0, 1]), sagittal, z_mm / y_mm, "sagittal")
    rows = max(1, min(MOST_AXIAL, round(height / depth)))
    axial = grid[0, 2:].subgridspec(rows, 2, wspace=0.03, hspace=0.03)
    for n, k in enumerate(_spread(segmented.labels, 2 * rows)):
        name = "axial" if n == 0 else ""
        panel = figure.add_subplot(axial[n // 2, n % 2])
        draw_panel(panel, _plane(segmented, 2, k), y_mm / x_mm, name)
    labels, spacing_mm = _rendered_grid(segmented)
    for column, (category, name) in enumerate(CATEGORIES.items()):
        ids = [s.id for s in schema.structures if s.category == category]
        found = np.count_nonzero(has_voxels(segmented.layers)[ids])
        image = render_from_front(np.where(np.isin(labels, ids), labels, 0).astype(np.uint8))
        panel = figure.add_subplot(grid[1, column])
        draw_panel(panel, image, spacing_mm[2] / spacing_mm[0], f"{found} of {len(ids)} {name}")
    save_dark_figure(figure, path)


def render_from_front(labels: LabelArray) -> Rgb:
    """The surfaces of a label map as seen from the front, lit as one sees objects in a room.

    Args:
        labels: (i, j, k) uint8, RAS; voxels of about the same size along all axes.

    Returns:
        (k, i, 3), head up, the patient's right on the left.
    """
    from_front = labels[:, ::-1]
    inside = ndimage.gaussian_filter((from_front > 0).astype(np.float32), SMOOTH_VOXELS)
    smooth = inside > 0.5
    first = smooth.argmax(axis=1)
    seen = (from_front > 0).argmax(axis=1)
    ids = np.take_along_axis(from_front, seen[:, None], axis=1)[:, 0]
    ids = np.where(smooth.any(axis=1), ids, 0)
    shade = _lambert(inside, first) * (1 - 0.4 * first / labels.shape[1])
    image = label_palette()[ids] * (0.15 + 0.85 * shade)[..., None]
    return head_up(image.astype(np.float32), flip_width=True)


def _lambert(inside: FloatArray, first: npt.NDArray[np.intp]) -> FloatArray:
    """How much light falls on the surface at voxel (i, first[i, k], k), 0..1."""
    place = np.stack([*np.indices(first.shape), first])[[0, 2, 1]]

    def value(step: tuple[int, int, int]) -> FloatArray:
        i, j, k = (
            np.clip(at + by, 0, n - 1) for at, by, n in zip(place, step, inside.shape, strict=True)
        )
        around: FloatArray = inside[i, j, k]
        return around

    right = value((-1, 0, 0)) - value((1, 0, 0))
    front = value((0, 1, 0)) - value((0, -1, 0))  # j counts away from the front
    up = value((0, 0, -1)) - value((0, 0, 1))
    length = np.sqrt(right**2 + front**2 + up**2).clip(1e-6)
    x, y, z = np.array(LIGHT) / np.linalg.norm(LIGHT)
    light: FloatArray = ((right * x + front * y + up * z) / length).clip(0, 1)
    return light


def _plane(segmented: Segmented, axis: int, index: int) -> Rgb:
    """Plane `index` of the models' grid, at the CT's own resolution, with outlined structures."""
    volume, labels = segmented.volume, segmented.labels
    a, b = (n for n in range(3) if n != axis)
    of_ct = int((index + 0.5) * volume.shape[axis] / labels.shape[axis])
    ids = np.take(labels, index, axis=axis)
    ids = ids[np.ix_(*(nearest_index(volume.shape[n], labels.shape[n]) for n in (a, b)))]
    weight = np.where(ids > 0, FILL, 0.0)
    for n in (0, 1):
        edge = np.diff(ids.astype(np.int16), axis=n, append=ids.take([-1], axis=n)) != 0
        weight[edge & (ids > 0)] = OUTLINE
    image = blend_labels(np.take(volume.hu, of_ct, axis=axis), ids, weight)
    return head_up(image, flip_width=axis != 0)


def _rendered_grid(segmented: Segmented) -> tuple[LabelArray, SpacingMm]:
    """The label map at about `RENDER_MM`, and its spacing."""
    volume, labels = segmented.volume, segmented.labels
    spacing_mm = []
    for axis in range(3):
        extent_mm = volume.shape[axis] * volume.spacing_mm[axis]
        n = max(1, round(extent_mm / RENDER_MM))
        labels = labels.take(nearest_index(n, labels.shape[axis]), axis=axis)
        spacing_mm.append(extent_mm / n)
    return labels, (spacing_mm[0], spacing_mm[1], spacing_mm[2])


def _spread(labels: LabelArray, count: int) -> list[int]:
    """Indices of `count` planes along K, evenly over those with a structure, from the head down."""
    occupied = np.flatnonzero(labels.any(axis=(0, 1)))
    if occupied.size == 0:
        occupied = np.arange(labels.shape[2])
    shares = 1 - (np.arange(count) + 0.5) / count
    return [int(occupied[int(share * occupied.size)]) for share in shares]
