"""All structures of the aging study in one picture: r_s with its interval, ranked by kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jobs.figures.aging import BLUE, GREY, INK, STYLE, VERMILLION, new_figure, save_figure
from segment_actor.anatomy import Category, category_of, display_name, without_side
from stats.study.exclusions import MEASURES
from stats.study.tests_of_age import Row

_KINDS: Final[dict[Category, str]] = {
    "organ": "organs", "bone": "bones", "muscle": "muscles", "vessel": "vessels",
}  # fmt: skip

_TITLES: Final = {"volume_ml": "age and volume", "hu_mean": "age and mean attenuation"}

_ROW_IN: Final = 0.155
"""Height of a line on paper, inches."""


def draw_overview(rows: Sequence[Row], title: str, path: Path) -> None:
    """Writes a dot plot: volume on the left, density on the right, one line a structure or pair.

    Args:
        rows: of `stats.study.aging.AGING`, one sex only.
        title: one line above the plots.
        path: the PNG; its folder is made if it is missing.
    """
    known = [r for r in rows if r.get("r_s") is not None]
    panels = [_ranked([r for r in known if r["measure"] == m]) for m in MEASURES]
    lines = max(8, *map(len, panels))
    height = lines * _ROW_IN + 1.75
    with mpl.rc_context(STYLE):
        figure = new_figure(12.0, height)
        figure.text(0.012, 1 - 0.25 / height, title, fontsize=14, va="center")
        for n, (measure, ranked) in enumerate(zip(MEASURES, panels, strict=True)):
            left = 0.155 + n * 0.5
            axes = figure.add_axes((left, 0.5 / height, 0.325, lines * _ROW_IN / height))
            _dots(axes, ranked, lines)
            axes.set_title(_TITLES[measure], fontsize=11, pad=8)
        figure.legend(
            handles=_legend(), loc="upper left", bbox_to_anchor=(0.008, 1 - 0.4 / height), ncols=5
        )
        save_figure(figure, path)


def _ranked(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Lines from top to bottom: a heading (no rows), then its structures, the highest r_s first.

    Left and right of a pair share a line.
    """
    pairs: dict[str, list[Row]] = {}
    for row in rows:
        pairs.setdefault(without_side(str(row["structure"])), []).append(row)
    lines: list[tuple[str, list[Row]]] = []
    for kind, heading in _KINDS.items():
        members = [
            (name, pair)
            for name, pair in pairs.items()
            if category_of(str(pair[0]["structure"])) == kind
        ]
        members.sort(key=lambda member: -np.mean([r["r_s"] for r in member[1]]))
        lines += [(heading, []), *members] if members else []
    return lines


def _dots(axes: Axes, lines: Sequence[tuple[str, list[Row]]], height: int) -> None:
    for y, (_, pair) in enumerate(lines):
        axes.axhline(y, color="#E6E8EA", lw=0.6, zorder=0)
        for row in pair:
            _dot(axes, y + _offset(str(row["structure"]), len(pair)), row)
    axes.axvline(0.0, color=INK, lw=0.8)
    axes.set(xlim=(-1.0, 1.0), ylim=(height - 0.4, -0.6), xlabel="Spearman's $r_s$, 95 % interval")
    axes.set_xticks(np.arange(-1.0, 1.01, 0.5))
    axes.tick_params(axis="x", top=True, labeltop=True)
    axes.set_yticks(range(len(lines)), [display_name(name) for name, _ in lines], fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for label, (_, pair) in zip(axes.get_yticklabels(), lines, strict=True):
        if not pair:
            label.set(fontweight="bold", fontsize=9)


def _dot(axes: Axes, y: float, row: Row) -> None:
    r_s, low, high = (float(str(row[name])) for name in ("r_s", "ci_low", "ci_high"))
    colour = (VERMILLION if r_s > 0 else BLUE) if row["correlated"] else GREY
    axes.plot([low, high], [y, y], color=colour, lw=1.1, solid_capstyle="butt")
    right = "_right" in str(row["structure"])
    axes.plot(
        r_s, y, ls="", marker="D" if right else "o", ms=4.2, mew=1.0, color=colour,
        mfc="white" if right else colour,
    )  # fmt: skip


def _offset(structure: str, members: int) -> float:
    if members == 1:
        return 0.0
    return 0.17 if "_right" in structure else -0.17


def _legend() -> list[Line2D]:
    def sign(label: str, colour: str, marker: str = "s", face: str | None = None) -> Line2D:
        return Line2D([], [], ls="", marker=marker, color=colour, mfc=face or colour, label=label)

    return [
        sign("grows with age", VERMILLION),
        sign("falls with age", BLUE),
        sign("not significant", GREY),
        sign("left or unpaired", INK, "o"),
        sign("right", INK, "D", "white"),
    ]
