"""The driver's end of the run: collects outcomes, commits them, keeps the row of the run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from jobs.archive.grouping.series import Series
from jobs.segment_run.driver.rows import Method, failure_row, scan_row, structure_rows
from jobs.segment_run.outcome import Outcome
from stats.tables.commit import Batch, CohortTables, Row, Stamp


class Committer:
    """Commits every so many CTs or seconds; a CT's rows are in one commit, all or none.

    Args:
        tables: opened once for the run.
        stamp: what every row carries.
        method: name of the model set, its schema and its way, for every row.
        todo: the series of this run.
        every: (CTs, seconds), whichever comes first.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        tables: CohortTables,
        stamp: Stamp,
        method: Method,
        todo: Sequence[Series],
        every: tuple[int, float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.measured = 0
        self.failed = 0
        self.no_dicom = Counter[str]()
        self._tables = tables
        self.stamp = stamp
        self._method = method
        self._series = {s.series_key: s for s in todo}
        self._every_cts, self._every_s = every
        self._clock = clock
        self._pending: dict[str, Outcome] = {}
        self._committed: set[str] = set()
        self._last_s = clock()
        self._started_at = datetime.now(UTC)

    def add(self, outcome: Outcome) -> None:
        """Take one CT that ended; a second outcome of the same CT changes nothing.

        A worker that dies after its answer has left can make Ray repeat the CT.
        """
        if outcome.series_key not in self._committed:
            self._pending.setdefault(outcome.series_key, outcome)

    def commit_if_due(self) -> None:
        """Commit if enough CTs or seconds have come together."""
        waited = self._clock() - self._last_s
        if len(self._pending) >= self._every_cts or (self._pending and waited >= self._every_s):
            self.commit()

    def commit(self) -> None:
        """Commit everything taken so far.

        Raises:
            SetupError: the tables cannot be written, or another job writes to them.
        """
        done = list(self._pending.values())
        measured = [o for o in done if o.scan is not None and o.failure is None]
        batch = Batch(
            scans=[self._scan_row(o) for o in measured],
            structures=[row for o in measured for row in structure_rows(o, self._method)],
            failures=[
                failure_row(o, self._series[o.series_key], self._method) for o in done if o.failure
            ],
        )
        self._tables.commit(batch, self.stamp)
        self._committed.update(self._pending)
        self.measured += len(measured)
        self.no_dicom.update(o.no_dicom for o in measured if o.no_dicom)
        self.failed += sum(o.failure is not None for o in done)
        self._pending.clear()
        self._last_s = self._clock()

    def lost(self) -> int:
        """Series of this run without an outcome so far."""
        return len(self._series.keys() - self._committed - self._pending.keys())

    def write_run(self, status: str, provenance: Row) -> None:
        """Write or replace the run's row.

        Args:
            status: running, finished or failed.
            provenance: columns of `runs` that do not change while it runs.
        """
        now = datetime.now(UTC)
        hours = (now - self._started_at).total_seconds() / 3600
        row = {
            **provenance,
            "run_id": self.stamp.run_id,
            "started_at": self._started_at,
            "finished_at": None if status == "running" else now,
            "status": status,
            "model_set": self._method.model_set,
            "label_schema": self._method.label_schema,
            "cts_todo": len(self._series),
            "cts_done": self.measured,
            "cts_failed": self.failed,
            "ct_per_hour": None if status == "running" else self.measured / hours,
        }
        self._tables.write_run(row, self.stamp)

    def _scan_row(self, outcome: Outcome) -> Row:
        assert outcome.scan is not None
        return scan_row(outcome, outcome.scan, self._series[outcome.series_key], self._method)
