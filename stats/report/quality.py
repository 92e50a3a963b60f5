"""What quality control said, for a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from stats.report.quantiles import rows_as

MOST_FLAGGED: Final = 12

_FINDINGS: Final = """
    SELECT series_key, split_part(reason, ': ', 1) AS code,
           split_part(reason, ': ', 2) AS structures
    FROM (SELECT series_key, unnest(string_split(qc_reasons, '; ')) AS reason
          FROM latest_scans WHERE qc_reasons IS NOT NULL)
"""
"""One row a finding in a scan; `scans.qc_reasons` says "code: structure, structure; code"."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding; verdict and sentence are None for a code that this version does not know."""

    code: str
    verdict: str | None
    sentence: str | None
    scans: int


@dataclass(frozen=True, slots=True)
class FlaggedStructure:
    """A structure with findings, in how many scans, and the most frequent code."""

    structure: str
    scans: int
    code: str


@dataclass(frozen=True, slots=True)
class Quality:
    """Scans by verdict, and why.

    Attributes:
        findings: the most frequent first; notes that ask for nothing (verdict pass) come last.
        flagged: structures with a finding that someone should look at, the most frequent first.
    """

    passed: int
    warned: int
    failed: int
    not_judged: int
    findings: Sequence[Finding]
    flagged: Sequence[FlaggedStructure]

    @property
    def judged(self) -> int:
        """Scans with a verdict."""
        return self.passed + self.warned + self.failed


def quality(database: duckdb.DuckDBPyConnection) -> Quality:
    """Verdicts and findings of the scans of the method that counts."""
    sql = "SELECT qc, count(*) FROM latest_scans GROUP BY 1"
    verdicts = dict(database.sql(sql).fetchall())
    return Quality(
        passed=verdicts.get("pass", 0),
        warned=verdicts.get("warn", 0),
        failed=verdicts.get("fail", 0),
        not_judged=verdicts.get(None, 0),
        findings=_findings(database),
        flagged=_flagged(database),
    )


def _findings(database: duckdb.DuckDBPyConnection) -> tuple[Finding, ...]:
    sql = f"""
        SELECT code, any_value(verdict) AS verdict, any_value(sentence) AS sentence,
               count(DISTINCT series_key) AS scans
        FROM ({_FINDINGS}) LEFT JOIN qc_codes USING (code)
        GROUP BY code ORDER BY coalesce(any_value(verdict), '') = 'pass', scans DESC, code
        """  # noqa: S608 - our own words
    return rows_as(Finding, database, sql)


def _flagged(database: duckdb.DuckDBPyConnection) -> tuple[FlaggedStructure, ...]:
    sql = f"""
        WITH named AS (
            SELECT code, unnest(string_split(structures, ', ')) AS structure, series_key
            FROM ({_FINDINGS}) JOIN qc_codes USING (code)
            WHERE verdict <> 'pass' AND structures <> '')
        SELECT structure, count(DISTINCT series_key) AS scans, mode(code ORDER BY code) AS code
        FROM named GROUP BY 1 ORDER BY scans DESC, structure LIMIT {MOST_FLAGGED}
        """  # noqa: S608 - our own words
    return rows_as(FlaggedStructure, database, sql)
