"""Pictures: a CT with its structures in colour, and structures against age."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from segment_actor.anatomy import display_name
from segment_actor.grid.of_file import label_colour
from segment_actor.volume import N_LABEL_VALUES, HuArray, LabelArray, Volume

if TYPE_CHECKING:
    import pandas as pd

Rgb = npt.NDArray[np.float32]

WINDOW_HU = (-170.0, 280.0)
"""Soft-tissue window, a little wider than a radiologist's so that bone keeps some shape."""

PANEL_IN = 2.4
"""Width of a coronal panel on paper, inches."""

BACKGROUND = "#101418"
TEXT = "#e8ecf0"

AGING = (
    ("autochthon_left", "hu_mean"), ("vertebrae_T10", "hu_mean"), ("clavicula_right", "hu_mean"),
    ("vertebrae_L4", "hu_mean"), ("kidney_right", "volume_ml"), ("pancreas", "volume_ml"),
)  # fmt: skip
"""Structures that change with age in the paper (section 3) and fit into many fields of view."""

UNIT = {"volume_ml": "volume (ml)", "hu_mean": "mean density (HU)"}


@cache
def label_palette() -> Rgb:
    """(256, 3) colours of the labels, as the headers of label maps name them; 0 is black."""
    return np.array([(0.0, 0.0, 0.0), *map(label_colour, range(1, N_LABEL_VALUES))], np.float32)


def draw_ct_overview(volume: Volume, labels: LabelArray, title: str, path: Path) -> None:
    """Writes a PNG: the CT alone, in colour, from the front, from the side, and three slices.

    Args:
        volume: RAS.
        labels: (I, J, K) uint8 on the same grid.
        title: one line above the picture.
        path: the PNG; its folder is made if it is missing.
    """
    x_mm, y_mm, z_mm = volume.spacing_mm
    width, depth, height = (n * s for n, s in zip(volume.shape, volume.spacing_mm, strict=True))
    tall_in = PANEL_IN * height / width
    columns = (1.0, 1.0, 1.0, depth / width, tall_in / 3 / PANEL_IN * width / depth)
    figure = dark_figure(PANEL_IN * sum(columns) + 0.6, tall_in + 0.75)
    figure.text(0.012, 0.97, title, color=TEXT, fontsize=11, va="top")
    grid = figure.add_gridspec(
        3,
        5,
        left=0.01,
        right=0.99,
        top=1 - 0.6 / (tall_in + 0.75),
        bottom=0.02,
        wspace=0.03,
        hspace=0.04,
        width_ratios=columns,
    )
    j, i = fullest_plane(labels, axis=1), labels.shape[0] // 2
    tall = (
        ("CT", _slice(volume, labels, 1, j, 0.0), z_mm / x_mm),
        ("segmented", _slice(volume, labels, 1, j, 0.75), z_mm / x_mm),
        ("from the front", _from_the_front(labels, y_mm), z_mm / x_mm),
        ("from the side", _slice(volume, labels, 0, i, 0.6), z_mm / y_mm),
    )
    for column, (name, image, aspect) in enumerate(tall):
        draw_panel(figure.add_subplot(grid[:, column]), image, aspect, name)
    occupied = np.flatnonzero(labels.any(axis=(0, 1)))
    for row, share in enumerate((0.82, 0.55, 0.22)):
        k = int(occupied[int(share * (len(occupied) - 1))])
        image = _slice(volume, labels, 2, k, 0.6)
        draw_panel(figure.add_subplot(grid[row, 4]), image, y_mm / x_mm, "" if row else "axial")
    save_dark_figure(figure, path)


def draw_measures_by_age(measurements: pd.DataFrame, title: str, path: Path) -> None:
    """Writes a PNG: six structures against age, with the trend and Spearman's correlation.

    Args:
        measurements: columns structure, age_years, volume_ml, hu_mean, status.
        title: one line above the plots.
        path: the PNG; its folder is made if it is missing.
    """
    figure = dark_figure(11.0, 6.2)
    figure.text(0.012, 0.965, title, color=TEXT, fontsize=13, va="center")
    grid = figure.add_gridspec(
        2, 3, left=0.06, right=0.99, top=0.88, bottom=0.09, wspace=0.26, hspace=0.42
    )
    known = measurements[measurements["age_years"].notna()]
    for n, (structure, measure) in enumerate(AGING):
        axes = figure.add_subplot(grid[n // 3, n % 3])
        _age_plot(axes, known[known["structure"] == structure], structure, measure)
    save_dark_figure(figure, path)


def _age_plot(axes: Axes, rows: pd.DataFrame, structure: str, measure: str) -> None:
    # The density of a structure that leaves the field of view is still its density; its volume
    # is not its volume.
    usable = ("ok", "truncated") if measure == "hu_mean" else ("ok",)
    rows = rows[rows["status"].isin(usable) & rows[measure].notna()]
    whole = rows[rows["status"] == "ok"]
    cut = rows[rows["status"] == "truncated"]
    axes.scatter(whole["age_years"], whole[measure], s=26, color="#5cc8ff", zorder=3)
    axes.scatter(
        cut["age_years"], cut[measure], s=26, facecolors="none", edgecolors="#5cc8ff", zorder=3
    )
    note = f"n = {len(rows)}"
    if len(rows) >= MIN_FOR_A_TREND:
        line = np.polyfit(rows["age_years"], rows[measure], 1)
        ends = np.array([rows["age_years"].min(), rows["age_years"].max()])
        axes.plot(ends, np.polyval(line, ends), color="#ffb347", lw=2)
        from scipy import stats as scipy_stats

        r_s = scipy_stats.spearmanr(rows["age_years"], rows[measure]).statistic
        note = f"$r_s$ = {r_s:.2f}, n = {len(rows)}"
    axes.set_title(f"{display_name(structure)}   {note}", color=TEXT, fontsize=10, loc="left")
    axes.set_ylabel(UNIT[measure], color=TEXT, fontsize=9)
    axes.set_xlabel("age (years)", color=TEXT, fontsize=9)
    axes.set_facecolor(BACKGROUND)
    axes.tick_params(colors=TEXT, labelsize=8)
    axes.grid(color="#2a3138", lw=0.6)
    for spine in axes.spines.values():
        spine.set_color("#3a434c")


MIN_FOR_A_TREND = 4
"""Fewer points have no trend worth drawing."""


def _slice(volume: Volume, labels: LabelArray, axis: int, index: int, opacity: float) -> Rgb:
    """(height, width, 3), patient's right on the left, head up."""
    hu, ids = np.take(volume.hu, index, axis=axis), np.take(labels, index, axis=axis)
    weight = np.where(ids > 0, opacity, 0.0)
    return head_up(blend_labels(hu, ids, weight), flip_width=axis != 0)


def blend_labels(hu: HuArray, ids: LabelArray, weight: npt.NDArray[np.float64]) -> Rgb:
    """(a, b, 3): a plane of a CT in grey, and its labels in colour with these weights, 0..1."""
    low, high = WINDOW_HU
    grey = np.clip((hu.astype(np.float32) - low) / (high - low), 0.0, 1.0)[..., None]
    grey = grey.repeat(3, axis=2)
    tinted = label_palette()[ids] * weight[..., None] * (0.35 + 0.65 * grey)
    mixed: Rgb = (grey * (1 - weight[..., None]) + tinted).astype(np.float32)
    return mixed


def _from_the_front(labels: LabelArray, depth_mm: float) -> Rgb:
    """What one sees from the front: the first structure behind each point, shaded by its relief."""
    seen = labels[:, ::-1, :]
    first = (seen > 0).argmax(axis=1)
    ids = np.take_along_axis(seen, first[:, None, :], axis=1)[:, 0]
    slope_x, slope_z = np.gradient(first.astype(np.float32) * depth_mm / 3.0)
    light = 1.0 / np.sqrt(1.0 + 0.35 * (slope_x**2 + slope_z**2))
    far = 1.0 - 0.45 * first / labels.shape[1]
    shaded = label_palette()[ids] * (0.25 + 0.75 * light * far)[..., None]
    return head_up(shaded.astype(np.float32), flip_width=True)


def head_up(image: Rgb, *, flip_width: bool) -> Rgb:
    """(right, head, 3) to (height, width, 3): head up; flipped, the patient's right is left."""
    turned = image.transpose(1, 0, 2)[::-1]
    return turned[:, ::-1] if flip_width else turned


def fullest_plane(labels: LabelArray, axis: int) -> int:
    """Index of the plane along an axis with the most different structures, the first of equals."""
    planes = np.moveaxis(labels, axis, 0)
    return int(np.argmax([np.count_nonzero(np.bincount(plane.ravel())) for plane in planes]))


def dark_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure of this size on paper."""
    figure = Figure(figsize=(width_in, height_in), facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    return figure


def draw_panel(axes: Axes, image: Rgb, aspect: float, name: str) -> None:
    """Draws an image without axes, its name above it.

    Args:
        axes: to draw into.
        image: (height, width, 3), 0..1.
        aspect: height of a pixel divided by its width, in mm.
        name: "" for none.
    """
    axes.imshow(np.clip(image, 0, 1), aspect=aspect, interpolation="bilinear")
    axes.set_title(name, color=TEXT, fontsize=9, pad=3)
    axes.axis("off")


def save_dark_figure(figure: Figure, path: Path) -> None:
    """Writes a PNG on the dark ground of `dark_figure`, and its folder if that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, facecolor=BACKGROUND)
