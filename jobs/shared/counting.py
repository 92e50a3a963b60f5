"""The options of every command that draws conclusions: which CTs count, and which not."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import click
import duckdb

from segment_actor.errors import SetupError
from stats.sql.who_counts import WhoCounts, in_words
from stats.study.candidates import Only

log = logging.getLogger(__name__)


def counting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of `WhoCounts`, as its argument `who`."""

    @click.option(
        "--pipeline-version",
        metavar="VERSION",
        help="Count the CTs as this method measured them, in place of the newest that has seen all "
        "(view versions).",
    )
    @click.option(
        "--keep-failed-qc",
        is_flag=True,
        help="Count CTs and structures that failed quality control too.",
    )
    @functools.wraps(function)
    def with_who(
        *args: object, pipeline_version: str | None, keep_failed_qc: bool, **options: object
    ) -> object:
        return function(*args, who=WhoCounts(pipeline_version, keep_failed_qc), **options)

    return with_who


only_option = click.option(
    "--only",
    multiple=True,
    metavar="COLUMN=VALUE[,VALUE]",
    help="Only scans with these values, e.g. contrast_phase=portal_venous; repeatable.",
)
"""The option whose values `strata` reads."""


def strata(texts: tuple[str, ...]) -> list[Only]:
    """What `--only` asks for.

    Raises:
        SetupError: a text is not COLUMN=VALUE.
    """
    found = []
    for text in texts:
        column, _, values = text.partition("=")
        if not column.strip() or not values.strip():
            raise SetupError(f"--only {text}: give COLUMN=VALUE, or COLUMN=VALUE,VALUE")
        found.append(Only(column.strip(), tuple(v.strip() for v in values.split(","))))
    return found


def tell_who_counts(database: duckdb.DuckDBPyConnection) -> None:
    """Says on stderr which CTs of the tables do not count, if any."""
    for sentence in in_words(database):
        log.warning("%s", sentence)
