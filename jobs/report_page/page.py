"""From the overview to the page: which figures share an axis or a line, and the template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from jobs.report_page import axis, words
from segment_actor.anatomy import display_name
from segment_actor.person import OLDEST_YEARS
from stats.report.cohort import Lengths
from stats.report.correlations import CorrelatedPair
from stats.report.overview import Overview
from stats.report.structures import StructureFigures
from stats.report.work import Throughput
from stats.study.intervals import MIN_PEOPLE_PERCENTILE
from stats.study.selection import MIN_SCANS
from stats.study.tests_of_age import ALPHA

FAIR_SCANS: Final = 30
"""Fewer scans can be correlated, but their intervals say next to nothing."""

_R_S_AXIS: Final = axis.Axis(-1.0, 1.0, (-1.0, -0.5, 0.0, 0.5, 1.0))


@dataclass(frozen=True, slots=True)
class KindOfStructures:
    """The structures under one heading, and the axes that they share."""

    heading: str
    members: Sequence[StructureFigures]
    volume_axis: axis.Axis
    hu_axis: axis.Axis


def render(overview: Overview, title: str) -> str:
    """The page: one HTML text that loads nothing."""
    templates = resources.files("jobs.report_page") / "templates"
    scanned = overview.scanned
    return (
        _environment()
        .get_template("report.html")
        .render(
            overview=overview,
            title=title,
            made_at=datetime.now(UTC),
            style=(templates / "report.css").read_text(encoding="utf-8"),
            failure_words=words.FAILURES,
            stage_words=words.STAGES,
            kinds=words.KINDS,
            oldest_years=OLDEST_YEARS,
            seconds_axis=_seconds_axis(overview.work.throughput),
            most_of_an_age=max((max(b.men, b.women, b.others) for b in scanned.ages), default=0),
            scanner_bars=[(scanner.name, scanner.scans) for scanner in scanned.scanners],
            kinds_of_structures=list(_kinds_of_structures(overview.figures.structures)),
            ranked=[(m, list(_by_kind(pairs))) for m, pairs in overview.aging.pairs.items()],
            r_s_axis=_R_S_AXIS,
            alpha=ALPHA,
            min_scans=MIN_SCANS,
            fair_scans=FAIR_SCANS,
            few=MIN_PEOPLE_PERCENTILE,
        )
    )


def _environment() -> Environment:
    pages = Environment(
        loader=PackageLoader("jobs.report_page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "count": axis.count, "figure": axis.figure, "size": axis.size, "share": axis.share,
        "instant": axis.instant, "duration": axis.duration, "correlation": axis.correlation,
        "title_of": display_name, "precision_of": words.precision_of,
        "warning_of": words.warning_of, "bars_of": _bars_of,
    }  # fmt: skip
    return pages


def _seconds_axis(throughput: Throughput) -> axis.Axis:
    """From 0 to the longest 95th percentile, for all stages."""
    longest = max((s.quantiles_s.p95 for s in throughput.stages if s.quantiles_s), default=1.0)
    return axis.Axis(0.0, longest or 1.0, ())


def _bars_of(lengths: Lengths) -> list[tuple[str | None, int]]:
    """Label and scans of each bin; label None: not known."""
    missing = [(None, lengths.not_known)] if lengths.not_known else []
    return [*((words.length_label(b), b.scans) for b in lengths.bins), *missing]


def _kinds_of_structures(figures: Sequence[StructureFigures]) -> Iterator[KindOfStructures]:
    for kind, heading in words.KINDS.items():
        members = [f for f in figures if (f.category or "") == kind]
        if members:
            volumes_ml = [v for f in members for v in f.measured.volume_ml or ()]
            hu = [v for f in members for v in f.measured.hu_mean or ()]
            yield KindOfStructures(heading, members, axis.volume_axis(volumes_ml), axis.hu_axis(hu))


def _by_kind(
    pairs: Sequence[CorrelatedPair],
) -> Iterator[tuple[str, Sequence[CorrelatedPair]]]:
    for kind in words.KINDS:
        members = [pair for pair in pairs if pair.category == kind]
        if members:
            yield kind, members
