"""From the tables to the page: all numbers of the report, and the template that shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from itertools import pairwise
from typing import Any, Final

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from jobs.report_page import axis, words
from jobs.report_page.aging import FAIR_SCANS, correlations, ranked
from segment_actor.person import OLDEST_YEARS
from stats.sql import report_cohort, report_runs
from stats.study.exclusions import MEASURES
from stats.study.percentiles import MIN_PEOPLE
from stats.study.selection import MIN_SCANS, Cohort
from stats.study.tests_of_age import ALPHA

Facts = dict[str, Any]

FIELD_OF_VIEW_MM: Final = (200.0, 400.0, 600.0, 800.0, 1000.0, 1500.0)
SLICE_MM: Final = (1.0, 1.5, 2.0, 3.0, 5.0)

_R_S_AXIS: Final = axis.Axis(-1.0, 1.0, (-1.0, -0.5, 0.0, 0.5, 1.0))


def gather(database: duckdb.DuckDBPyConnection, cohort: Cohort, tables: Sequence[Facts]) -> Facts:
    """Everything that the page says, as the template names it.

    Args:
        database: from `stats.query.connect`, in which `select_cohort` made this cohort.
        cohort: the same.
        tables: of `stats.sql.report_runs.table_sizes`.
    """
    report_runs.prepare(database, cohort.candidates_table)
    rows = next(t["rows"] for t in tables if t["table"] == "structures")
    exact = rows <= report_cohort.EXACT_ROWS
    return {
        "made_at": datetime.now(UTC),
        "counts": report_runs.counts(database),
        "runs": [_run(run) for run in report_runs.runs(database)],
        "methods": report_runs.methods(database),
        "failures": report_runs.failures(database),
        "failed_stages": report_runs.failed_stages(database),
        "tables": tables,
        "cohort": cohort,
        **_throughput(report_runs.stage_seconds(database)),
        **_quality(database),
        **_people(database),
        **_structures(report_cohort.structures(database, exact=exact), exact=exact),
        "by_sex": _by_sex(report_cohort.by_sex(database)),
        **_aging(database, cohort),
    }


def render(facts: Facts, title: str) -> str:
    """The page: one HTML text that loads nothing."""
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
        "title_of": words.title_of,
    }  # fmt: skip
    templates = resources.files("jobs.report_page") / "templates"
    style = (templates / "report.css").read_text(encoding="utf-8")
    return pages.get_template("report.html").render(
        **facts,
        title=title,
        style=style,
        failure_words=words.FAILURES,
        stage_words=words.STAGES,
        kinds=words.KINDS,
        oldest_years=OLDEST_YEARS,
    )


def _run(run: Facts) -> Facts:
    """A run with what its settings and its model set say."""
    settings = json.loads(run["settings_json"] or "{}")
    built_in = words.built_in(run["model_set"])
    seconds = None
    if run["started_at"] and run["finished_at"]:
        seconds = (run["finished_at"] - run["started_at"]).total_seconds()
    return run | {
        "precision": settings.get("precision") or built_in.get("precision"),
        "engine": settings.get("engine"),
        "warning": settings.get("warning") or built_in.get("warning"),
        "seconds": seconds,
    }


def _throughput(stages: list[Facts]) -> Facts:
    timed = [stage for stage in stages if stage["n"]]
    longest = max((stage["q"][4] for stage in timed), default=1.0)
    return {
        "stages": stages,
        "slowest": max(timed, key=lambda stage: stage["q"][2], default=None),
        "seconds_of_all": sum(stage["total_s"] for stage in timed),
        "seconds_axis": axis.Axis(0.0, longest or 1.0, ()),
    }


def _quality(database: duckdb.DuckDBPyConnection) -> Facts:
    verdicts = report_cohort.verdicts(database)
    return {
        "verdicts": verdicts,
        "judged": sum(n for verdict, n in verdicts.items() if verdict),
        "findings": report_cohort.findings(database),
        "flagged": report_cohort.flagged(database),
    }


def _people(database: duckdb.DuckDBPyConnection) -> Facts:
    ages: dict[int, dict[str, int]] = {}
    for row in report_cohort.ages(database):
        ages.setdefault(row["from_years"], {})[row["sex"]] = row["scans"]
    bins = range(min(ages), max(ages) + 1, 5) if ages else range(0)
    return {
        "people": report_cohort.people(database),
        "ages": [(first, ages.get(first, {})) for first in bins],
        "most_of_an_age": max((n for bin_ in ages.values() for n in bin_.values()), default=0),
        "scanners": [(row["scanner"], row["scans"]) for row in report_cohort.scanners(database)],
        "fields_of_view": _bars(database, "field_of_view_mm", FIELD_OF_VIEW_MM),
        "slices": _bars(database, "slice_thickness_mm", SLICE_MM),
    }


def _bars(
    database: duckdb.DuckDBPyConnection, column: str, bounds: tuple[float, ...]
) -> list[tuple[str | None, int]]:
    """Label and scans of each bin; None is not known. Empty ones at the ends are left out."""
    found = report_cohort.binned(database, column, bounds)
    between = [f"{a:,g} to {b:,g} mm" for a, b in pairwise(bounds)]
    labels = [f"up to {bounds[0]:,g} mm", *between, f"over {bounds[-1]:,g} mm"]
    seen = [n for n in found if n is not None]
    bins = range(min(seen), max(seen) + 1) if seen else range(0)
    missing = [(None, found[None])] if found.get(None) else []
    return [*((labels[n], found.get(n, 0)) for n in bins), *missing]


def _structures(rows: list[Facts], *, exact: bool) -> Facts:
    """Rows by kind, with axes that they share within a kind."""
    kinds = []
    for kind in words.KINDS:
        members = [row for row in rows if (row["category"] or "") == kind]
        if members:
            volumes = [v for row in members if row["n_ml"] for v in row["ml"]]
            hu = [v for row in members if row["n_hu"] for v in row["hu"]]
            kinds.append((kind, members, axis.volume_axis(volumes), axis.hu_axis(hu)))
    return {"structures": kinds, "exact": exact}


def _by_sex(rows: list[Facts]) -> list[tuple[str, Mapping[str, Facts]]]:
    known = {(row["structure"], row["sex"]): row for row in rows}
    names = [n for n in report_cohort.LARGE_STRUCTURES if {(n, "M"), (n, "F")} & known.keys()]
    return [(n, {s: known[n, s] for s in ("M", "F") if (n, s) in known}) for n in names]


def _aging(database: duckdb.DuckDBPyConnection, cohort: Cohort) -> Facts:
    enough = len(cohort.age_years) >= MIN_SCANS
    rows = correlations(database, cohort) if enough else []
    return {
        "aging": [(m, ranked([row for row in rows if row["measure"] == m])) for m in MEASURES],
        "correlated": len(rows),
        "found": sum(row["found"] for row in rows),
        "r_s_axis": _R_S_AXIS,
        "alpha": ALPHA,
        "min_scans": MIN_SCANS,
        "fair_scans": FAIR_SCANS,
        "few": MIN_PEOPLE,
    }
