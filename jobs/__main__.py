"""`ctcohort`: one group, one module a command."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "demo": "Make a phantom archive, segment it, ask it a question: the whole way in minutes.",
    "index": "List an archive: one row a CT series; again, only what is new is read.",
    "segment": "Measure every CT of an archive that the tables do not hold yet.",
    "segment-one": "Segment one CT: masks on its own grid, with its own header.",
    "query": "Ask the tables a question in SQL.",
    "table": "Care of the tables: sort them into few large files, free space.",
    "aging": "Study how each structure's volume and density change with age.",
    "percentile": "Compare one scan with people of the same sex and similar age.",
    "report": "Write the whole cohort on one HTML page, for a meeting.",
    "evaluate": "Compare predicted label maps with true ones: Dice, surface distance, volumes.",
    "measure": "Measure one CT with a label map of it, without any model or table.",
    "parity": "Hold our labels against nnU-Net's and TotalSegmentator's, same weights, one CT.",
    "bench": "Time named cases, ours and the official way side by side.",
    "weights": "Bring in TotalSegmentator's models; say which are here and trusted.",
    "train": "Train the embedded phantom models again from nothing.",
    "phantom": "Write phantom CTs with their ground truth.",
}
"""Name and one line of help. Kept here so that `ctcohort --help` imports neither torch nor Ray."""


class LazyGroup(click.Group):
    """Imports `jobs.<name>` only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The click command called `main` in `jobs.<cmd_name>`, a dash written as _."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"jobs.{cmd_name.replace('-', '_')}").main
        assert isinstance(command, click.Command)
        return command

    def format_commands(  # the signature is click's
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """The table of commands, from `COMMANDS` alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ctcohort")
def main() -> None:
    """From a bucket of CTs to SQL tables: volume and HU of every structure of every patient."""


if __name__ == "__main__":
    main(prog_name="ctcohort")
