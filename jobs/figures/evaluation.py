"""Figures of an evaluation: Dice and NSD ranked (the paper's Figure S1), and Bland-Altman plots.

All are drawn on white, to be printed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from segment_actor.anatomy import display_name
from stats.agreement.evaluation import ComparisonSettings, evaluate_kinds
from stats.agreement.uncertainty import Agreement, bland_altman

BLUE, ORANGE, GREY = "#1f6fb4", "#e8781e", "#8a929a"
CATEGORY_COLOURS = {"organ": "#c4513d", "bone": "#8c7a4f", "muscle": "#a03a78", "vessel": "#2c7fb8"}

ROWS_A_COLUMN = 52
"""104 structures make two columns that fit on a page."""

_ROW_IN = 0.155
_PANELS = (4, 3)  # rows and columns of a page of Bland-Altman plots


def draw_all(
    cases: pd.DataFrame, table: pd.DataFrame, settings: ComparisonSettings, folder: Path
) -> None:
    """Writes the four figures.

    Args:
        cases: one row a case and structure.
        table: one row a structure.
        settings: names the tolerance, and the category of each structure.
        folder: is made if it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    nsd = f"NSD at {settings.tolerance_mm:g} mm"
    draw_agreement(table.rename(columns={"structure": "name"}), nsd, folder / "agreement.png")
    kinds = evaluate_kinds(cases).rename(columns={"kind": "name"})
    draw_agreement(kinds, nsd, folder / "agreement_by_kind.png")
    categories = {s.name: s.category for s in settings.schema.structures}
    draw_volumes(cases, table, categories, folder / "volumes.png")
    draw_bland_altman(cases, table, folder / "bland_altman.pdf")


def draw_agreement(table: pd.DataFrame, nsd: str, path: Path) -> None:
    """Mean Dice and NSD with 95 % intervals, the best Dice on top.

    Args:
        table: name, n, dice_mean, dice_ci_low, dice_ci_high, and the same of nsd.
        nsd: what the NSD is called.
        path: the PNG.
    """
    ranked = table[table["n"] > 0].sort_values("dice_mean", ascending=False)
    low = float(np.nanmin(ranked[["dice_mean", "dice_ci_low", "nsd_mean", "nsd_ci_low"]]))
    figure, columns = _columns(len(ranked))
    for n, axes in enumerate(columns):
        part = ranked.iloc[n * ROWS_A_COLUMN : (n + 1) * ROWS_A_COLUMN]
        for measure, colour, shift, label in (
            ("dice", BLUE, -0.16, "Dice"), ("nsd", ORANGE, 0.16, nsd),
        ):  # fmt: skip
            y = np.arange(len(part)) + shift
            ends = part[f"{measure}_ci_low"], part[f"{measure}_ci_high"]
            axes.hlines(y, *ends, color=colour, lw=1.6, alpha=0.55)
            axes.plot(part[f"{measure}_mean"], y, "o", color=colour, ms=3.4, label=label)
        _name_rows(
            axes, [f"{name}  ({n})" for name, n in zip(part["name"], part["n"], strict=True)]
        )
        axes.set_xlim(max(0.0, math.floor(low * 20) / 20), 1.005)
    _legend(figure, columns[0])
    figure.suptitle("Agreement with the truth: mean over cases (n), 95 % CI", fontsize=10)
    figure.savefig(path, dpi=160)


def draw_volumes(
    cases: pd.DataFrame, table: pd.DataFrame, categories: Mapping[str, str], path: Path
) -> None:
    """Bias and limits of agreement of each structure, in percent of its mean true volume."""
    true_ml = cases[cases["truth_ml"] > 0].groupby("structure")["truth_ml"].mean()
    shown = table[table["n"] > 0].set_index("structure")
    scale = 100 / true_ml.reindex(shown.index)
    percent = pd.DataFrame(
        {c: shown[f"{c}_ml"] * scale for c in ("volume_bias", "loa_low", "loa_high")}
    ).sort_values("volume_bias", ascending=False)
    figure, columns = _columns(len(percent))
    for n, axes in enumerate(columns):
        part = percent.iloc[n * ROWS_A_COLUMN : (n + 1) * ROWS_A_COLUMN]
        y = np.arange(len(part))
        colours = [CATEGORY_COLOURS[categories[name]] for name in part.index]
        axes.hlines(y, part["loa_low"], part["loa_high"], color=colours, lw=1.6, alpha=0.5)
        axes.scatter(part["volume_bias"], y, c=colours, s=12, zorder=3)
        axes.axvline(0, color="black", lw=0.7)
        _name_rows(axes, list(part.index))
        axes.set_xlabel("predicted - true volume, % of the mean true volume", fontsize=7)
    for category, colour in CATEGORY_COLOURS.items():
        columns[0].plot([], [], "o", color=colour, ms=4, label=category)
    _legend(figure, columns[0])
    figure.suptitle("Volumes: bias and 95 % limits of agreement (Bland-Altman)", fontsize=10)
    figure.savefig(path, dpi=160)


def draw_bland_altman(cases: pd.DataFrame, table: pd.DataFrame, path: Path) -> None:
    """A PDF with one plot a structure: difference against mean of both volumes, one dot a case."""
    of = dict(iter(cases[cases["truth_ml"] > 0].groupby("structure", sort=False)))
    names = [name for name in table["structure"] if name in of]
    a_page = math.prod(_PANELS)
    with PdfPages(path) as pdf:
        for first in range(0, len(names), a_page):
            figure = _figure(8.3, 11.0)
            for n, name in enumerate(names[first : first + a_page]):
                _bland_altman(figure.add_subplot(*_PANELS, n + 1), of[name], name)
            pdf.savefig(figure)


def _bland_altman(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    truth, predicted = rows["truth_ml"].to_numpy(), rows["predicted_ml"].to_numpy()
    axes.plot((truth + predicted) / 2, predicted - truth, "o", color=BLUE, ms=3, alpha=0.6)
    found: Agreement = bland_altman(predicted, truth)
    for level, style in ((found.bias, "-"), (found.limit_low, "--"), (found.limit_high, "--")):
        if level is not None:
            axes.axhline(level, color=ORANGE, lw=1.2, ls=style)
    axes.axhline(0, color="black", lw=0.5)
    axes.set_title(f"{name}  n = {found.n}", fontsize=7)
    axes.set_xlabel("mean of both (ml)", fontsize=6)
    axes.set_ylabel("predicted - true (ml)", fontsize=6)
    axes.tick_params(labelsize=6)


def _columns(rows: int) -> tuple[Figure, list[Axes]]:
    """An empty figure with room for this many named rows, `ROWS_A_COLUMN` to a column."""
    columns = max(1, math.ceil(rows / ROWS_A_COLUMN))
    figure = _figure(5.4 * columns, 1.2 + _ROW_IN * min(rows, ROWS_A_COLUMN))
    return figure, list(figure.subplots(1, columns, sharex=True, squeeze=False)[0])


def _legend(figure: Figure, axes: Axes) -> None:
    """Below the plots, where it hides no row."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)


def _name_rows(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(np.arange(len(names)), [display_name(n) for n in names], fontsize=6.5)
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=7)
    axes.grid(axis="x", color="#d8dce0", lw=0.6)
    axes.set_axisbelow(True)


def _figure(width_in: float, height_in: float) -> Figure:
    figure = Figure(figsize=(width_in, height_in), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure
