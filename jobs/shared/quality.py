"""The verdict on a CT in words, for the commands that judge one CT."""

from __future__ import annotations

from collections.abc import Iterable

import click

from stats.measure import StructureRow
from stats.quality.codes import MEANINGS, findings_by_code, scan_verdict


def say_quality(rows: Iterable[StructureRow]) -> None:
    """The verdict, and each finding in words, to stderr: stdout is for results alone.

    Args:
        rows: those of the CT that were looked for.
    """
    judged = [(row.structure, row.voxel_count, row.qc_reasons) for row in rows]
    verdict, _ = scan_verdict(judged)
    click.echo(f"quality: {verdict}", err=True)
    for code, names in findings_by_code(judged).items():
        meaning = MEANINGS[code]
        click.echo(f"  {code} ({meaning.verdict}): {meaning.sentence}", err=True)
        if names:
            click.echo(f"    {', '.join(names)}", err=True)
