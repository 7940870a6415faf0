"""All commands in one parser: what is parsed is also what `docs/cli.md` shows.

A command is imported when it is wanted: most of what `epochline ls` would take otherwise is the
import of commands that train, draw and compare.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import import_module
from typing import Final, cast

from epochline.cli.command import Command

__all__ = ["NAMES", "build_parser", "command"]

NAMES: Final = (
    "demo",
    "ls",
    "show",
    "why",
    "whatif",
    "history",
    "plot",
    "export",
    "verify",
    "diff",
    "restore",
    "average",
    "live",
    "audit",
    "pin",
    "prune",
    "resume-proof",
)
"""What the commands are called, in the order in which they are listed."""

_DESCRIPTION = """\
Which checkpoint, why, and back to it. Reads what Epochline recorded of Keras trainings; none of the
commands but demo and resume-proof needs Keras. Epochs are those that Keras prints, from 1."""
_EPILOG = "Exit status: 0 done, 1 an error told on standard error, 2 wrong usage."


def command(name: str) -> Command:
    """Returns the command of a name."""
    module = import_module(f"epochline.cli.{name.replace('-', '_')}")
    return cast("Command", module)


def build_parser(names: Iterable[str] = NAMES) -> argparse.ArgumentParser:
    """Returns the parser of the command line.

    Args:
        names: The commands that it shall know; the whole command line with all of them.
    """
    parser = argparse.ArgumentParser(
        prog="epochline",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in names:
        which = command(name)
        one = commands.add_parser(
            name,
            help=which.HELP,
            description=which.DESCRIPTION,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        which.add_arguments(one)
        one.set_defaults(command=which)
    return parser
