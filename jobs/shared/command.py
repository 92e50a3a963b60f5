"""What every command has in common: its log, and how it ends.

Exit codes: 0 all done, 1 some series failed or were not reached, 2 could not run.
"""

from __future__ import annotations

import logging
import os
import sys
from itertools import pairwise
from types import TracebackType

import click
import duckdb

from segment_actor.errors import SetupError

DONE = 0
SOME_FAILED = 1
COULD_NOT_RUN = 2


class Command(click.Command):
    """A click command whose function returns an exit code and may raise `SetupError`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuses what click takes for a value and nobody means: nothing, or another option.

        An empty path would be the current folder.
        """
        for before, arg in pairwise(["", *args]):
            option, sign, value = arg.partition("=") if arg.startswith("--") else (before, "=", arg)
            if sign and not value:
                what = option if option.startswith("-") else "An argument"
                raise click.UsageError(f"{what} is empty; is a shell variable not set?")
        rest = super().parse_args(ctx, list(args))
        options = {name for param in self.params for name in param.opts}
        for param in self.params:
            given = ctx.params.get(param.name or "")
            for value in given if isinstance(given, tuple) else (given,):
                if str(value) in options:
                    raise click.UsageError(f"{param.opts[-1]} needs a value before {value}")
        return rest

    def invoke(self, ctx: click.Context) -> object:
        """Run, and turn the returned code or a `SetupError` into the process's exit code."""
        _log_to_stderr()
        _have_a_home()
        sys.excepthook = _end_as_could_not_run
        try:
            code = super().invoke(ctx)
        except SetupError as error:
            code = self._could_not_run(str(error))
        except duckdb.IOException as error:  # a file went away after the tables were opened
            code = self._could_not_run(f"the tables cannot be read: {' '.join(str(error).split())}")
        except BrokenPipeError:  # `| head` has read enough; click ends quietly
            raise
        except OSError as error:  # a disk, a folder, a network: nothing that a traceback explains
            code = self._could_not_run(_sentence(error))
        ctx.exit(DONE if code is None else code)

    def _could_not_run(self, sentence: str) -> int:
        click.echo(f"ctcohort {self.name}: {sentence}", err=True)
        return COULD_NOT_RUN


def _sentence(error: OSError) -> str:
    if error.filename is None or not error.strerror:
        return str(error) or type(error).__name__
    return f"{os.fsdecode(error.filename)}: {error.strerror}"


def _have_a_home() -> None:
    """A container's user without an entry in /etc/passwd has none; / is what Kubernetes gives."""
    if os.path.expanduser("~") == "~":  # noqa: PTH111  # Path raises here
        os.environ["HOME"] = "/"


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
