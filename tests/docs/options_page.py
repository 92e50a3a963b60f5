"""Writes docs/reference/options.md from the command line itself: `make docs`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import click

from jobs.__main__ import COMMANDS, main

INTRODUCTION = """# All options

What `--help` of each command says, on one page. `ctcohort segment` takes the same names, with `_`
for `-`, from a TOML file given as `--config`; flags go before it.
"""


def options_page() -> str:
    """The page as Markdown."""
    parts = [INTRODUCTION]
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        for title, one in _with_subcommands(f"ctcohort {name}", command):
            parts.append("\n".join(_section(title, one)))
    return "\n".join(parts)


def _with_subcommands(title: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield title, command
        return
    for name, one in command.commands.items():
        yield from _with_subcommands(f"{title} {name}", one)


def _section(title: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    yield f"## {' '.join([title, *arguments])}\n"
    yield f"{_plain((command.help or '').split(chr(12))[0])}\n"
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if not options:
        return
    yield "| option | meaning | default |\n|---|---|---|"
    for option in options:
        names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
        yield f"| {names} | {_plain(option.help or '')}{_choices(option)} | {_default(option)} |"
    yield ""


def _choices(option: click.Option) -> str:
    known = option.type.choices if isinstance(option.type, click.Choice) else ()
    return f" One of {', '.join(map(str, known))}." if known else ""


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    # of a flag it is no; a folder of the machine is said in words by the option
    plain = isinstance(option.default, str | int | float) and not option.is_flag
    if not plain or "/" in str(option.default).replace("://", ""):
        return ""
    return f"`{option.default}`"


def _plain(text: str) -> str:
    """One line that Markdown leaves as it is."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|").replace("*", "\\*")


if __name__ == "__main__":
    sys.stdout.write(options_page())
