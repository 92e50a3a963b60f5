"""What every command has in common: its log, and how it ends.

Exit codes: 0 all done, 1 some series failed or were not reached, 2 could not run.
"""

from __future__ import annotations

import logging
import sys
from types import TracebackType

import click

from segment_actor.errors import SetupError

DONE = 0
SOME_FAILED = 1
COULD_NOT_RUN = 2


class Command(click.Command):
    """A click command whose function returns an exit code and may raise `SetupError`."""

    def invoke(self, ctx: click.Context) -> object:
        """Run, and turn the returned code or a `SetupError` into the process's exit code."""
        _log_to_stderr()
        sys.excepthook = _end_as_could_not_run
        try:
            code = super().invoke(ctx)
        except SetupError as error:
            click.echo(f"ctcohort {self.name}: {error}", err=True)
            code = COULD_NOT_RUN
        ctx.exit(DONE if code is None else code)


def _end_as_could_not_run(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Python ends with code 1 after an error nobody caught, which here would mean `SOME_FAILED`."""
    sys.__excepthook__(kind, error, trace)
    raise SystemExit(COULD_NOT_RUN)


def _log_to_stderr() -> None:
    """Our own packages log from INFO on, all others from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    # a command run as `python -m jobs.segment` logs as __main__
    for package in ("__main__", "jobs", "cluster", "stats", "segment_actor"):
        logger = logging.getLogger(package)
        logger.setLevel(logging.INFO)
        logger.handlers = [handler]
        logger.propagate = False
