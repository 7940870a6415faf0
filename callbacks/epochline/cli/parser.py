"""All commands in one parser: what is parsed is also what `docs/cli.md` shows."""

from __future__ import annotations

import argparse

from epochline.cli import (
    demo,
    diff,
    history,
    ls,
    pin,
    plot,
    prune,
    restore,
    resume_proof,
    show,
    verify,
    why,
)
from epochline.cli.command import Command

__all__ = ["COMMANDS", "build_parser"]

COMMANDS: tuple[Command, ...] = (
    demo,
    ls,
    show,
    why,
    history,
    plot,
    verify,
    diff,
    restore,
    pin,
    prune,
    resume_proof,
)

_DESCRIPTION = """\
Which checkpoint, why, and back to it. Reads what Epochline recorded of Keras trainings; none of the
commands but demo and resume-proof needs Keras. Epochs are those that Keras prints, from 1."""
_EPILOG = "Exit status: 0 done, 1 an error told on standard error, 2 wrong usage."


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="epochline",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        one = commands.add_parser(
            command.NAME,
            help=command.HELP,
            description=command.DESCRIPTION,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(one)
        one.set_defaults(command=command)
    return parser
