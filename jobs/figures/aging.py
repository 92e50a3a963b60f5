"""Pictures of the aging study: one structure against age, like the paper's Figures 6 and S3.

Each measure is drawn three times: every scan with the trend, box plots by quartile of age, and the
reference curves by sex. Colours are Okabe and Ito's, which the colour-blind can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib import cbook
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from segment_actor.anatomy import display_name
from stats.study.aging import Studied
from stats.study.exclusions import MEASURES, Measure
from stats.study.intervals import MIN_PEOPLE_REFERENCE
from stats.study.selection import QUARTILES, Cohort, Numbers, Stratum
from stats.study.tests_of_age import PAIRS, Row

BLUE, VERMILLION, GREY, INK = "#0072B2", "#D55E00", "#8A8F94", "#22272B"

LABELS: Final = {"volume_ml": "volume (ml)", "hu_mean": "mean attenuation (HU)"}

SEXES: Final = {"all": "all", "M": "men", "F": "women"}

MAX_POINTS: Final = 5000
"""More points are one cloud; of a larger cohort a random part is drawn, and the title says so."""

STYLE: Final[dict[RcKeyType, Any]] = {
    "font.size": 9.0,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.edgecolor": "white",
    "legend.framealpha": 0.85,
    "legend.fontsize": 8.0,
}


def draw_structure(cohort: Cohort, studied: Studied, sex: Stratum, path: Path) -> None:
    """Writes the page of one structure: volume above, density below."""
    with mpl.rc_context(STYLE):
        figure = new_figure(13.5, 7.6)
        grid = figure.add_gridspec(
            2, 3, left=0.055, right=0.99, top=0.875, bottom=0.075, wspace=0.2, hspace=0.42
        )
        figure.text(0.012, 0.96, display_name(studied.structure), fontsize=15, va="center")
        figure.text(0.99, 0.96, _legend(sex), fontsize=8, ha="right", va="center", color=GREY)
        for line, measure in enumerate(MEASURES):
            axes = [figure.add_subplot(grid[line, column]) for column in range(3)]
            _draw_measure(axes, cohort, studied, measure, sex)
        save_figure(figure, path)


def draw_strongest(
    cohort: Cohort, chosen: Sequence[tuple[Studied, Measure]], sex: Stratum, path: Path
) -> None:
    """Writes a picture like Figure 6: the structures that change most with age, one a line."""
    with mpl.rc_context(STYLE):
        figure = new_figure(10.0, 0.85 + 3.1 * len(chosen))
        figure.suptitle("The strongest correlations with age", x=0.012, ha="left", fontsize=13)
        figure.text(0.012, 0.012, _legend(sex), fontsize=8, color=GREY)
        grid = figure.add_gridspec(
            len(chosen), 2, left=0.075, right=0.99, wspace=0.2, hspace=0.5,
            top=1 - 1.1 / (0.85 + 3.1 * len(chosen)), bottom=0.75 / (0.85 + 3.1 * len(chosen)),
        )  # fmt: skip
        for line, (studied, measure) in enumerate(chosen):
            axes = [figure.add_subplot(grid[line, column]) for column in range(2)]
            _draw_measure(axes, cohort, studied, measure, sex)
            axes[0].set_title(f"{display_name(studied.structure)}\n{axes[0].get_title(loc='left')}")
        save_figure(figure, path)


def _draw_measure(
    axes: Sequence[Axes], cohort: Cohort, studied: Studied, measure: Measure, sex: Stratum
) -> None:
    row = next(r for r in studied.rows if r["measure"] == measure and r["sex"] == sex)
    used = np.isfinite(studied.values[measure]) & cohort.of(sex)
    ages, values = cohort.age_years[used], studied.values[measure][used]
    if "r_s" not in row:
        for axis in axes:
            axis.axis("off")
        why = f"{row.get('note')} (excluded: {row['excluded_reasons'] or 'none'})"
        axes[0].text(0.0, 0.5, f"{LABELS[measure]} not studied: {why}")
        return
    limits = _limits(values)
    curves = [r for r in studied.reference if r["measure"] == measure]
    _scatter(axes[0], ages, values, row, [r for r in curves if r["sex"] == sex])
    _boxes(axes[1], values, cohort.quartile[used], row)
    axes[0].set(ylim=limits, ylabel=LABELS[measure])
    axes[1].set(ylabel=LABELS[measure])
    if len(axes) > 2:
        _reference(axes[2], curves)
        axes[2].set(ylabel=LABELS[measure])


def _scatter(axes: Axes, ages: Numbers, values: Numbers, row: Row, curve: list[Row]) -> None:
    shown = np.arange(len(ages))
    if len(ages) > MAX_POINTS:
        shown = np.random.default_rng(0).choice(shown, MAX_POINTS, replace=False)
    size, alpha = (22, 0.8) if len(ages) < 300 else (6, 0.35)
    axes.scatter(ages[shown], values[shown], s=size, alpha=alpha, color=BLUE, lw=0, rasterized=True)
    ends = np.array([ages.min(), ages.max()])
    line = np.polyfit(ages, values, 1)
    axes.plot(ends, np.polyval(line, ends), color=VERMILLION, lw=2, label="straight line")
    if curve:
        years, medians = [r["age_years"] for r in curve], [r["p50"] for r in curve]
        axes.plot(years, medians, color=INK, lw=1.4, ls="--", label="median at this age")  # type: ignore[arg-type]
    part = f" ({MAX_POINTS:,} drawn)" if len(ages) > MAX_POINTS else ""
    left_out = f"\nexcluded: {row['excluded_reasons']}" if row["excluded_reasons"] else ""
    axes.set_title(
        f"$r_s$ = {row['r_s']:z.2f} [{row['ci_low']:z.2f}, {row['ci_high']:z.2f}], "
        f"{p_text(row['p'])}, n = {row['n']:,}{part}{left_out}"
    )
    axes.set_xlabel("age (years)")
    axes.legend(loc="upper left" if line[0] > 0 else "upper right")


def _boxes(axes: Axes, values: Numbers, quartile: np.ndarray, row: Row) -> None:
    """Whiskers end at the most extreme value within 1.5 box heights; outliers are not drawn."""
    groups = [values[quartile == q] for q in range(QUARTILES)]
    boxes = [cbook.boxplot_stats(g, whis=1.5)[0] if len(g) else None for g in groups]
    known = [(q, box) for q, box in enumerate(boxes) if box is not None]
    axes.bxp(
        [box for _, box in known],
        positions=[q for q, _ in known],
        widths=0.55,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": "#CFE4F2", "edgecolor": BLUE},
        medianprops={"color": VERMILLION, "lw": 2},
        whiskerprops={"color": BLUE},
        capprops={"color": BLUE},
    )
    axes.set_xticks(range(QUARTILES), _quartile_names(row))
    axes.set_title(f"age quartiles: Kruskal-Wallis {p_text(row.get('kruskal_p'))}")
    bottom = min(box["whislo"] for _, box in known)
    top = max(box["whishi"] for _, box in known)
    _brackets(axes, str(row.get("significant_pairs") or ""), bottom, top)


def _brackets(axes: Axes, significant: str, bottom: float, top: float) -> None:
    """A bracket with a star over each pair of quartiles that differs, short ones lowest."""
    step = 0.1 * (top - bottom)
    pairs = [p for p in PAIRS if f"Q{p[0] + 1}-Q{p[1] + 1}" in significant.split()]
    level = top
    for a, b in sorted(pairs, key=lambda p: (p[1] - p[0], p[0])):
        # the three pairs of neighbours fit beside each other
        level += step if (b - a > 1 or level == top) else 0.0
        inset = 0.06
        axes.plot(
            [a + inset, a + inset, b - inset, b - inset],
            [level, level + step * 0.3, level + step * 0.3, level],
            color=INK, lw=0.9,
        )  # fmt: skip
        star = axes.text((a + b) / 2, level + step * 0.05, "*", ha="center", va="center")
        star.set(fontsize=11, bbox={"facecolor": "white", "lw": 0, "pad": 0.5})
    axes.set_ylim(bottom - step, level + 1.4 * step)


def _reference(axes: Axes, curves: list[Row]) -> None:
    for sex, colour in (("M", BLUE), ("F", VERMILLION)):
        rows = [r for r in curves if r["sex"] == sex]
        if not rows:
            continue
        years = np.array([r["age_years"] for r in rows], dtype=float)
        people = sorted(int(str(r["n"])) for r in rows)
        label = f"{SEXES[sex]}, n = {people[0]:,} to {people[-1]:,}"
        at = {p: np.array([r[p] for r in rows], dtype=float) for p in rows[0] if p.startswith("p")}
        axes.fill_between(years, at["p25"], at["p75"], color=colour, alpha=0.16, lw=0)
        for percentile in ("p05", "p95"):
            axes.plot(years, at[percentile], color=colour, lw=0.9, ls=":")
            ends = at[f"{percentile}_low"], at[f"{percentile}_high"]
            axes.fill_between(years, *ends, color=colour, alpha=0.08, lw=0)
        axes.plot(years, at["p50"], color=colour, lw=2, label=label)
    axes.set_title("median, 25-75 % (band), 5 and 95 % with interval")
    axes.set_xlabel("age (years)")
    if axes.lines:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.25 * (high - low))  # room above the curves
        axes.legend(loc="upper center", ncols=2, title="people within ±5 years", title_fontsize=8)
    else:
        axes.axis("off")
        why = f"fewer than {MIN_PEOPLE_REFERENCE} men\nor women, or too few of one age"
        axes.text(0.0, 0.5, f"no reference curve: {why}")


def _quartile_names(row: Row) -> list[str]:
    b1, b2, b3 = (f"{row[f'age_bound_{q}']:.0f}" for q in (1, 2, 3))
    ages = (f"< {b1} y", f"{b1}-{b2} y", f"{b2}-{b3} y", f"≥ {b3} y")
    return [f"Q{q}: {age}\nn = {row[f'q{q}_n']:,}" for q, age in enumerate(ages, start=1)]


def _limits(values: Numbers) -> tuple[float, float]:
    """From the lowest to the highest value that is no outlier, with a margin."""
    box = cbook.boxplot_stats(values, whis=1.5)[0]
    margin = 0.06 * (box["whishi"] - box["whislo"]) or 1.0
    return box["whislo"] - margin, box["whishi"] + margin


def _legend(sex: Stratum) -> str:
    who = "people of every sex, also unknown" if sex == "all" else f"{SEXES[sex]} only"
    return (
        f"{who}; * rank-sum test significant after Bonferroni; whiskers end at the last value "
        "within 1.5 box heights, outliers are not drawn"
    )


def p_text(p: object) -> str:
    """E.g. "p < 0.0001", as the paper reports it."""
    if not isinstance(p, float):
        return "not tested"
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def new_figure(width_in: float, height_in: float) -> Figure:
    """A white figure that needs no screen."""
    figure = Figure(figsize=(width_in, height_in), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a PNG, and its folder if that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
