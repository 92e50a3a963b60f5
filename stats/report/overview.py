"""Everything that a report says, as one value made by one call.

The tables of 10^6 scans come as some hundred numbers; nobody who draws them asks the tables again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from stats.report import work
from stats.report.cohort import (
    FIELD_OF_VIEW_MM,
    SLICE_THICKNESS_MM,
    AgeBin,
    Lengths,
    People,
    ScannerCount,
    ages,
    lengths,
    people,
    scanners,
)
from stats.report.correlations import AgeCorrelation, CorrelatedPair, age_correlations, pairs
from stats.report.quality import Quality, quality
from stats.report.structures import (
    EXACT_ROWS,
    FiguresBySex,
    StructureFigures,
    figures_by_sex,
    structure_figures,
)
from stats.study.candidates import FlowStep
from stats.study.exclusions import MEASURES, Measure
from stats.study.selection import Cohort


@dataclass(frozen=True, slots=True)
class Work:
    """What ran and what failed."""

    counts: work.Counts
    runs: Sequence[work.Run]
    methods: Sequence[work.Method]
    failure_causes: Sequence[work.FailureCause]
    failed_stages: Sequence[work.FailedStage]
    throughput: work.Throughput
    table_sizes: Sequence[work.TableSize]


@dataclass(frozen=True, slots=True)
class Scanned:
    """Who was scanned, and how."""

    people: People
    ages: Sequence[AgeBin]
    scanners: Sequence[ScannerCount]
    field_of_view: Lengths
    slice_thickness: Lengths


@dataclass(frozen=True, slots=True)
class Figures:
    """Volumes and HU of the structures.

    Attributes:
        exact: False if quantiles are t-digests, which err by about 0.1 %.
    """

    structures: Sequence[StructureFigures]
    by_sex: Sequence[FiguresBySex]
    exact: bool


@dataclass(frozen=True, slots=True)
class Aging:
    """How structures change with age.

    Attributes:
        patients: in the study, one scan each.
        flow: who is in the study and who is not.
        pairs: of each measure, the highest r_s first.
    """

    patients: int
    flow: Sequence[FlowStep]
    pairs: Mapping[Measure, Sequence[CorrelatedPair]]

    @property
    def correlations(self) -> Sequence[AgeCorrelation]:
        """All of them, of both measures."""
        return [
            side for measured in self.pairs.values() for pair in measured for side in pair.sides
        ]


@dataclass(frozen=True, slots=True)
class Overview:
    """All numbers of the report. What is not known is None, and never a 0."""

    work: Work
    quality: Quality
    scanned: Scanned
    figures: Figures
    aging: Aging


def overview(database: duckdb.DuckDBPyConnection, tables: str, cohort: Cohort) -> Overview:
    """Asks the tables everything at once.

    Args:
        database: of `stats.query.connect`.
        tables: where its tables are, for their sizes.
        cohort: made from this connection by `stats.study.selection.select_cohort`.

    Raises:
        SetupError: the tables cannot be read.
    """
    sizes = work.table_sizes(tables)
    exact = all(s.rows <= EXACT_ROWS for s in sizes if s.table == "structures")
    candidates = cohort.candidates_table
    found = list(age_correlations(database, cohort))
    return Overview(
        work=Work(
            counts=work.counts(database),
            runs=work.runs(database),
            methods=work.methods(database),
            failure_causes=work.failure_causes(database),
            failed_stages=work.failed_stages(database),
            throughput=work.throughput(database),
            table_sizes=sizes,
        ),
        quality=quality(database),
        scanned=Scanned(
            people=people(database, candidates),
            ages=ages(database, candidates),
            scanners=scanners(database),
            field_of_view=lengths(database, "field_of_view_mm", FIELD_OF_VIEW_MM),
            slice_thickness=lengths(database, "slice_thickness_mm", SLICE_THICKNESS_MM),
        ),
        figures=Figures(
            structures=structure_figures(database, exact=exact),
            by_sex=figures_by_sex(database, candidates),
            exact=exact,
        ),
        aging=Aging(
            patients=cohort.patients,
            flow=cohort.flow,
            pairs={m: pairs(c for c in found if c.measure == m) for m in MEASURES},
        ),
    )
